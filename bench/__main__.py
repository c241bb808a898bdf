"""Side by side with peers: ``python -m bench NAME [SET] [--json]``.

A benchmark is a module or package of this folder with a function ``run() -> dict``, which may take the
name of a data set; what it takes by name is an option. Without a name all are listed.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ALIASES = {("memory", "station"): "station_memory"}
"""Benchmarks that are a module of their own, by the name and set that they are asked for by, too."""


def names() -> dict[str, str]:
    """Return every benchmark and the first line of its docstring, without importing any."""
    found = {}
    here = Path(__file__).parent
    for path in sorted([*here.glob("*.py"), *here.glob("*/__init__.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in tree.body):
            name = path.parent.name if path.stem == "__init__" else path.stem
            found[name] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return dict(sorted(found.items()))


def own_options(run: Callable[..., Any], given: list[str], parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return what a benchmark takes by name, as given or as it is set."""
    own = argparse.ArgumentParser(prog=parser.prog, usage=parser.format_usage())
    for parameter in signature(run).parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY:
            default = parameter.default
            own.add_argument(f"--{parameter.name.replace('_', '-')}", type=type(default), default=default)
    return vars(own.parse_args(given))


def show(title: str, figures: dict[str, Any]) -> None:
    """Print figures as a table."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else str(value))
    Console().print(table)


def main() -> None:
    """Run one benchmark, or list them."""
    known = names()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Side by side with peers.")
    parser.add_argument("name", nargs="?", choices=list(known), help="which benchmark; none: list them")
    parser.add_argument("set", nargs="*", help="the data set, where a benchmark knows several")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options, rest = parser.parse_known_args()
    if options.name is None:
        show("Benchmarks", known)
        return
    asked = (options.name, *options.set)
    name, given = (ALIASES[asked], []) if asked in ALIASES else (options.name, options.set)
    run = import_module(f"bench.{name}").run
    try:
        signature(run).bind(*given)
    except TypeError:
        parser.error(f"{name} does not know what to do with {' '.join(given)!r}")
    figures = run(*given, **own_options(run, rest, parser))
    if options.json:
        print(json.dumps(figures))
    else:
        show(known[name], figures)


if __name__ == "__main__":
    main()
