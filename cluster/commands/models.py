"""``seamline models``: the models that stations can name, and what their cards say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.commands import app
from cluster.terminal import Json, progress, screen

if TYPE_CHECKING:
    from engine.paths import Home
    from vision.registry import Model, Shelved

models = typer.Typer(invoke_without_command=True, help="List, show and register models.")
app.add_typer(models, name="models")

HASH_SHOWN = 12
PRECISION = ("map50_unseen_shot", "map50_held_out", "map50")
"""What cards call it, by what it was measured on."""


def shelf() -> list[Shelved]:
    """Return the models registered here and those that ship."""
    from engine.paths import Home
    from vision import registry

    return registry.shelf([Home.default().models])


def names() -> list[str]:
    """Return the names of all models, for the shell to complete."""
    return [item.folder.name for item in shelf()]


@models.callback()
def listed(context: typer.Context, as_json: Json = False) -> None:
    """List the models registered here and those that ship; of one name the first is used."""
    if context.invoked_subcommand is not None:
        return
    found = shelf()
    if as_json:
        print(json.dumps([facts(item) for item in found]))
        return
    from rich.table import Table

    table = Table("model", "hash", "mAP50", "classes", box=None, header_style="dim")
    table.add_column("folder", overflow="fold")
    for item in found:
        table.add_row(*row(item))
    screen.print(table)


def row(item: Shelved) -> tuple[str, ...]:
    """Return what people are told of a model."""
    if item.model is None:
        return item.folder.name, "[red]unusable[/red]", "", item.trouble, str(item.folder)
    metrics = card(item.model).get("metrics", {})
    precision = next((metrics[figure] for figure in PRECISION if figure in metrics), None)
    told = "unknown" if precision is None else f"{precision:.3f}"
    return (
        item.folder.name,
        item.model.hash[:HASH_SHOWN],
        told,
        ", ".join(item.model.classes),
        str(item.folder),
    )


@models.command()
def show(
    name: Annotated[str, typer.Argument(help="The model's name.", autocompletion=names)],
    as_json: Json = False,
) -> None:
    """Show a model's card: what it learned from, how good it is, what nobody has proven."""
    from engine.paths import Home
    from vision import registry

    model = registry.find(name, [Home.default().models])
    page = model.folder / "README.md"
    if as_json:
        print(json.dumps({"hash": model.hash, "folder": str(model.folder), "card": card(model)}))
    elif page.is_file():
        from rich.markdown import Markdown

        screen.print(Markdown(page.read_text(encoding="utf-8")))
        screen.print(f"\n{model.folder}, hash {model.hash}", highlight=False, soft_wrap=True)
    else:
        screen.print_json(data=card(model))


@models.command()
def register(
    export: Annotated[
        Path, typer.Argument(help="A folder with a card, FILE.onnx, or what an export to OpenVINO leaves.")
    ],
    name: Annotated[str, typer.Option(help="Name of an export without a card; left out: the file's.")] = "",
    trained: Annotated[
        Path | None,
        typer.Option(help="The checkpoint that it was exported from, to compare them.", exists=True),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="The data set on whose held-out side they are compared.", exists=True),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Column of splits.csv; left out: the first that keeps welds apart.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Copy an export to SEAMLINE_HOME/models, if its card vouches for every byte and it runs here.

    An export of Ultralytics that has no card gets one, of what it notes of itself.
    """
    from tempfile import TemporaryDirectory

    from engine.paths import Home
    from vision import adopt, registry

    home = Home.default().create()
    if (data is None) != (trained is None):
        raise typer.BadParameter("--trained and --data go together.")
    with TemporaryDirectory() as aside:
        folder = export
        if adopt.lacks_card(export):
            folder = take_over(export, Path(aside), name)
        elif name or trained:
            raise typer.BadParameter("its card says what it is called and how it was compared.")
        else:
            check_runs(folder, home)
        if trained and data:
            compare_with(trained, folder, data, split)
        model = registry.register(folder, home.models)
    if as_json:
        print(json.dumps({"name": model.name, "hash": model.hash, "folder": str(model.folder)}))
    else:
        called = model.folder.name
        screen.print(f"{called} is registered in {model.folder}: gate it, sign it, then promote it.")


def take_over(export: Path, into: Path, name: str) -> Path:
    """Write the folder of an export's model in a process of its own: what a stranger wrote may end it.

    Raises
    ------
    ModelError
        It ended it.
    """
    import sys

    from cluster.training import ProcessDied, run_module
    from vision.registry import ModelError

    try:
        called = [f"--name={name}"] if name else []
        run_module(Path(sys.executable), "vision.adopt", [str(export.absolute()), str(into), *called])
    except ProcessDied as exc:
        raise ModelError(f"OpenVINO crashes on the model in {export}; export it anew.") from exc
    (folder,) = into.iterdir()
    return folder


def check_runs(folder: Path, home: Home) -> None:
    """See that a model runs here, before anybody relies on it."""
    from vision import anomaly, registry
    from vision.anomaly import AnomalyDetector
    from vision.detect import Detector

    found = registry.load(folder)
    if found.task == "anomaly":
        AnomalyDetector.of(anomaly.load(folder), (home.models,))
    else:
        Detector(found)


def compare_with(trained: Path, folder: Path, data: Path, split: str) -> None:
    """Compare a model with the checkpoint that it was exported from, and note it on its card."""
    from cluster.training import find_python, run_module
    from vision.dataset import check_folder
    from vision.datasets.checking import choose_split

    check_folder(data)
    column = split or choose_split(data)
    python = find_python()
    with progress(f"Comparing with {trained.name}"):
        given = [f"--trained={trained.absolute()}", f"--data={data.absolute()}", f"--split={column}"]
        run_module(python, "vision.comparing", [str(folder.absolute()), *given])


def card(model: Model) -> dict[str, Any]:
    """Return a model's card."""
    from vision import registry

    return registry.read_card(model.folder)


def facts(item: Shelved) -> dict[str, Any]:
    """Return what a machine is told of a model."""
    if item.model is None:
        return {"name": item.folder.name, "folder": str(item.folder), "trouble": item.trouble}
    return {
        "name": item.model.name,
        "hash": item.model.hash,
        "classes": item.model.classes,
        "folder": str(item.folder),
        "metrics": card(item.model).get("metrics", {}),
    }
