"""What commands share at the terminal: the screen for people, and the option that prints for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

screen = Console(stderr=True)
"""Where people read; standard output is left to ``--json``."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
ForSeconds = Annotated[float | None, typer.Option("--for", help="Stop after so many seconds.")]


def refuse(error: Exception | str) -> None:
    """Tell people why a command does nothing, word by word as the error says it."""
    screen.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)


def alone(counted: str) -> str:
    """Say that each picture counted as a part, where nobody named the parts; nothing where somebody did."""
    said = "\nEach picture counts as a part; name parts of several in a column part of splits.csv."
    return said if counted == "pictures" else ""


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far long work is; give what is to be told how much is done, of how much."""
    from rich.progress import Progress

    with Progress(console=screen, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
