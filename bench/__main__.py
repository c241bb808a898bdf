"""Side by side with peers: ``python -m bench NAME [SET] [--json]``.

A benchmark is a module of this folder with a function ``run() -> dict``, which may take the name of a
data set; without a name all are listed.
"""

from __future__ import annotations

import argparse
import ast
import json
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def names() -> dict[str, str]:
    """Return every benchmark and the first line of its docstring, without importing any."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


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
    options = parser.parse_args()
    if options.name is None:
        show("Benchmarks", known)
        return
    run = import_module(f"bench.{options.name}").run
    try:
        signature(run).bind(*options.set)
    except TypeError:
        parser.error(f"{options.name} does not know what to do with {' '.join(options.set)!r}")
    figures = run(*options.set)
    if options.json:
        print(json.dumps(figures))
    else:
        show(known[options.name], figures)


if __name__ == "__main__":
    main()
