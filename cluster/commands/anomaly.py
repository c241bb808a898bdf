"""``seamline train anomaly``: fit a bank of good parts that a station judges by."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.commands import train
from cluster.commands.data_import import show_notes
from cluster.terminal import Json, screen
from engine.paths import Home

if TYPE_CHECKING:
    from vision.anomaly.fit import Fitted
    from vision.datasets.abc import Note


@train.command("anomaly")
def fit_anomaly(
    folder: Annotated[
        Path,
        typer.Argument(help="The folder with pictures of good parts, and no others; or one with train/good."),
    ],
    name: Annotated[
        str, typer.Option(help="What the plant file calls it; left out: the folder's name.")
    ] = "",
    good: Annotated[int, typer.Option(min=2, help="Different good pictures there must be.")] = 20,
    keep: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Share of good parts that shall keep the limit.")
    ] = 0.95,
    as_json: Json = False,
) -> None:
    """Learn how good parts look, from pictures of good parts alone."""
    from vision.anomaly import bank

    called = name or folder.resolve().name
    shown = folder / "train" / "good" if (folder / "train" / "good").is_dir() else folder
    place = bank.place(called, Home.default().create().models)
    started = time.perf_counter()
    notes: dict[str, list[str]] = defaultdict(list)
    fitted, card = fit_folder(shown, called, good, keep, lambda what, where: notes[what].append(where))
    bank.save(fitted.bank, card, place)
    facts = {
        "name": called,
        "pictures": len(fitted.held_out),
        "limit": round(fitted.bank.limit, 4),
        "least_usual": fitted.held_out[0][0],
        "hash": fitted.bank.hash,
        "folder": str(place),
        "seconds": round(time.perf_counter() - started, 1),
        "notes": {what: len(where) for what, where in notes.items()},
    }
    if not as_json:
        show_notes(notes)
    print(json.dumps(facts)) if as_json else tell(facts)


def fit_folder(folder: Path, name: str, least: int, keep: float, note: Note) -> tuple[Fitted, dict[str, Any]]:
    """Fit a bank while a bar shows how far it is; return it with its card."""
    from rich.progress import Progress

    from vision import registry
    from vision.anomaly import fit

    pictures = fit.read_pictures(folder, least, note)
    with Progress(console=screen, transient=True) as progress:
        task = progress.add_task("Learning how good parts look", total=len(pictures) + 1)
        fitted = fit.fit(pictures, registry.find(fit.BACKBONE), keep, step=lambda: progress.advance(task))
    return fitted, fit.card(name, fitted, f"pictures of good parts in the folder {folder.resolve().name}")


def tell(facts: dict[str, Any]) -> None:
    """Say what was made, what to look at, and how a station takes it."""
    screen.print(
        f"Learnt from {facts['pictures']} good pictures in {facts['seconds']} s; kept in {facts['folder']}.\n"
        f"The least usual is {facts['least_usual']}: if it shows a defect, take it out and fit again.\n"
        f"A station of the plant file judges by it with the line:  [bold]anomaly: {facts['name']}[/bold]",
        highlight=False,
        soft_wrap=True,
    )
