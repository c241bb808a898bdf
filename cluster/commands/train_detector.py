"""``seamline train detector``: a detector from photographs with boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import train
from cluster.commands.data_import import GroupBy, Groups, bring_in, show, show_notes
from cluster.terminal import Json, progress, screen

EPOCHS = 36
SIDE = 320
STRIDE = 32
"""A network of the YOLO family halves a picture five times."""
SEEDS = 2**31


@train.command()
def detector(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A data set of ours, or one in YOLO, VOC, COCO or MVTec AD; none: rendered parts only."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the run.")] = "detector",
    runs: Annotated[Path | None, typer.Option(help="Where runs lie; left out: SEAMLINE_HOME/runs.")] = None,
    split: Annotated[
        str, typer.Option(help="Column of splits.csv; left out: the first that keeps welds apart.")
    ] = "",
    same_welds: Annotated[
        bool, typer.Option("--same-welds", help="Train though both sides of the split share welds.")
    ] = False,
    groups: Groups = None,
    group_by: GroupBy = "",
    epochs: Annotated[int, typer.Option(min=1, help="Times that every picture is looked at.")] = EPOCHS,
    rendered: Annotated[
        int, typer.Option(min=0, max=20_000, help="Rendered parts to add to the pictures.")
    ] = 0,
    start: Annotated[Path | None, typer.Option(help="A checkpoint to go on from, in a new run.")] = None,
    side: Annotated[int, typer.Option(min=STRIDE, help="Pixels of the square that it sees, by 32.")] = SIDE,
    seed: Annotated[
        int | None, typer.Option(min=0, max=SEEDS - 1, help="Of a new run; left out: always the same.")
    ] = None,
    environment: Annotated[
        Path | None, typer.Option(help="The training environment; left out: .venv-train of the project.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a detector; a run that was interrupted goes on where it stopped.

    It runs in the training environment (`make train-env`), which a plant does not need.
    """
    from cluster.training import Training, find_python
    from engine.paths import Home
    from engine.signals import stop_on_signals

    if data is None and not rendered:
        raise typer.BadParameter("there is nothing to train on; give a data set, --rendered, or both.")
    if side % STRIDE:
        raise typer.BadParameter(f"a side of {side} pixels is no multiple of {STRIDE}.")
    folder = runs or Home.default().root / "runs"
    given = [f"--epochs={epochs}", f"--rendered={rendered}", f"--side={side}"]
    if data is not None:
        ours = data_of_ours(data, folder / f"{name}-set", groups, group_by)
        given += pictures_to_train_on(ours, split, same_welds)
    if seed is not None:
        given.append(f"--seed={seed}")
    if start is not None:
        given.append(f"--start={start.absolute()}")
    task = Training(find_python(environment), folder, name, given)
    with progress(f"Training {name}") as tell:
        checkpoint = task.run(stop_on_signals(), lambda done: tell(done, epochs))
    notes = {what: len(where) for what, where in task.notes().items()}
    if as_json:
        found = {"checkpoint": str(checkpoint), "epochs": task.epochs(), "weights": task.weights()}
        print(json.dumps(found | {"notes": notes}))
    else:
        show_notes(task.notes())
        screen.print(f"The checkpoint is {checkpoint}.", highlight=False, soft_wrap=True)


def data_of_ours(data: Path, into: Path, groups: Path | None, group_by: str) -> Path:
    """Return a data set as it is, or what it becomes when it is imported, once."""
    from vision.dataset import check_folder
    from vision.datasets import Plan

    if (data / "splits.csv").is_file():
        check_folder(data)
        return data
    if not into.exists():
        show(bring_in(data, into, "", Plan(groups=groups, group_by=group_by)))
    return into


def pictures_to_train_on(data: Path, split: str, same_welds: bool) -> list[str]:
    """Return what tells the trainer of a data set, unless a test on it would prove nothing."""
    from vision.dataset import read_split
    from vision.datasets.checking import choose_split, of_no_weld, refuse_leaks

    column = split or choose_split(data)
    sides = read_split(data, column)
    refuse_leaks(data, column, same_welds)
    if (unnamed := of_no_weld(data, sides)) and not same_welds:
        warn_of_welds(data, column, len(unnamed), len(sides.train) + len(sides.test))
    return [f"--data={data.absolute()}", f"--split={column}", *(["--same-welds"] if same_welds else [])]


def warn_of_welds(data: Path, column: str, unnamed: int, pictures: int) -> None:
    """Say before hours of training that nobody knows what a test on this split will be worth."""
    screen.print(
        f"Nobody says which weld {unnamed} of the {pictures} pictures of {column} show. If both sides show"
        " the same welds, the model is tested on what it has learned, and its figures are too good: name the"
        f" welds in a column weld_group of {data / 'splits.csv'}, or import with --group-by or --groups.",
        style="yellow",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
