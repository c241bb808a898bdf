"""``seamline data import``: pictures and boxes of another format, made fit to be trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands.data import data
from cluster.terminal import Json, progress, screen

if TYPE_CHECKING:
    from vision.datasets import Imported, Plan

SHOWN = 3

Format = Annotated[
    str, typer.Option("--format", help="mvtec, coco, voc or yolo; left out: by the folder's shape.")
]
Groups = Annotated[
    Path | None, typer.Option(help="A CSV file that names the weld of each picture: image, weld_group.")
]
GroupBy = Annotated[
    str, typer.Option(help="A regular expression over file names, instead: its first group is the weld.")
]


@data.command("import")
def import_data(
    source: Annotated[Path, typer.Argument(help="The folder that holds the pictures and boxes.")],
    into: Annotated[Path, typer.Argument(help="The folder to make.")],
    form: Format = "",
    classes: Annotated[
        Path | None, typer.Option(help="A file with the classes, one a line; left out: those of the source.")
    ] = None,
    groups: Groups = None,
    group_by: GroupBy = "",
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share to hold out where the source parts nothing.")
    ] = 0.2,
    as_json: Json = False,
) -> None:
    """Bring pictures and boxes of YOLO, Pascal VOC, COCO or MVTec AD into one form, and tell what was odd.

    A split that has a weld on both sides is refused; whole welds are held out where there is none.
    """
    from vision.dataset import class_lines
    from vision.datasets import Plan

    names = class_lines(classes) if classes else ()
    told = bring_in(source, into, form, Plan(names, groups, group_by, held_out))
    print(json.dumps(told.as_dict())) if as_json else show(told)


def bring_in(source: Path, into: Path, form: str, plan: Plan) -> Imported:
    """Import a source while a bar shows how far it is."""
    from vision.datasets import bring, recognise

    with progress(f"Importing {source}") as tell:
        return bring(recognise(source, form), source, into, plan, tell)


def show(told: Imported) -> None:
    """Print what came of an import."""
    sides = ", ".join(
        f"{number:,} to {side} on" for side, number in sorted(told.pictures.items(), reverse=True)
    )
    boxes = ", ".join(f"{number:,} {label}" for label, number in told.boxes.items()) or "none"
    screen.print(
        f"{told.folder} holds pictures of {told.format}: {sides}; boxes: {boxes}.",
        highlight=False,
        soft_wrap=True,
    )
    show_notes(told.notes)


def show_notes(notes: Mapping[str, list[str]]) -> None:
    """Print what was odd, and where for the first few times."""
    from rich.markup import escape

    for what, where in notes.items():
        more = ", ..." if len(where) > SHOWN else ""
        places = escape(", ".join(where[:SHOWN]) + more)
        screen.print(
            f"  [yellow]{escape(what)}[/yellow] ({len(where)}): {places}", highlight=False, soft_wrap=True
        )
