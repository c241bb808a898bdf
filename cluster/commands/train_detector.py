"""``seamline train detector``: a detector from photographs with boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import train
from cluster.terminal import Json, progress, screen

EPOCHS = 36


@train.command()
def detector(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A data set: images/, labels/, classes.txt, splits.csv; none: rendered parts only."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the run.")] = "detector",
    runs: Annotated[Path | None, typer.Option(help="Where runs lie; left out: SEAMLINE_HOME/runs.")] = None,
    split: Annotated[str, typer.Option(help="Column of splits.csv.")] = "split_unseen_shot",
    epochs: Annotated[int, typer.Option(min=1, help="Times that every picture is looked at.")] = EPOCHS,
    rendered: Annotated[
        int, typer.Option(min=0, max=20_000, help="Rendered parts to add to the pictures.")
    ] = 0,
    start: Annotated[Path | None, typer.Option(help="A checkpoint to go on from, in a new run.")] = None,
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
    from vision.dataset import check_folder, read_split

    if data is None and not rendered:
        raise typer.BadParameter("there is nothing to train on; give a data set, --rendered, or both.")
    given = [f"--epochs={epochs}", f"--rendered={rendered}"]
    if data is not None:
        check_folder(data)
        read_split(data, split)
        given += [f"--data={data.absolute()}", f"--split={split}"]
    if start is not None:
        given.append(f"--start={start.absolute()}")
    folder = runs or Home.default().root / "runs"
    task = Training(find_python(environment), folder, name, given)
    with progress(f"Training {name}") as tell:
        checkpoint = task.run(stop_on_signals(), lambda done: tell(done, epochs))
    if as_json:
        print(json.dumps({"checkpoint": str(checkpoint), "epochs": task.epochs()}))
    else:
        screen.print(f"The checkpoint is {checkpoint}.", highlight=False, soft_wrap=True)
