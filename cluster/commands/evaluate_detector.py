"""``seamline evaluate detector``: a model against photographs that it was not trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.commands import evaluate
from cluster.commands.models import card, names
from cluster.terminal import Json, alone, progress, screen
from vision.registry import DEFAULT


@evaluate.command()
def detector(
    data: Annotated[Path, typer.Argument(help="A data set: images/, labels/, classes.txt, splits.csv.")],
    model: Annotated[str, typer.Option(help="The model's name.", autocompletion=names)] = DEFAULT,
    split: Annotated[
        str | None, typer.Option(help="Column of splits.csv; left out: the one its card names.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a shipped or registered model on the held-out side of a data set.

    The runtime's own detector looks at every photograph of the split's test side.
    """
    from engine.paths import Home
    from vision import registry
    from vision.accuracy import measure

    found = registry.find(model, [Home.default().models])
    column = split or card(found).get("training", {}).get("split")
    if column is None:
        raise typer.BadParameter(f"the card of {model} names no split; name one with --split.")
    with progress(f"Looking with {model}") as tell:
        accuracy = measure(found, data, column, tell)
    figures = {"model": found.name, "hash": found.hash, "split": column, **accuracy.as_dict()}
    if as_json:
        print(json.dumps(figures))
    else:
        show(figures)


def show(figures: dict[str, Any]) -> None:
    """Print what was measured."""
    from rich.table import Table

    screen.print(
        f"{figures['model']} on {figures['pictures']} pictures of {figures['split']}:"
        f" mAP50 {figures['map50']:.3f}, mAP50-95 {figures['map50_95']:.3f}",
        highlight=False,
    )
    classes = Table("class", "AP50", box=None, header_style="dim")
    for name, value in figures["ap50"].items():
        classes.add_row(name, f"{value:.3f}")
    what = figures["counted"]
    parts = Table("defects count from", f"defective {what} passed", f"sound {what} rejected", box=None)
    for part in figures["parts"]:
        escaped, overkill = "{escaped} of {defective}", "{overkill} of {sound}"
        parts.add_row(f"{part['score']:.2f}", escaped.format_map(part), overkill.format_map(part))
    screen.print(classes, parts)
    screen.print(in_words(figures), highlight=False, soft_wrap=True)


def in_words(figures: dict[str, Any]) -> str:
    """Say what a station with these bands would pass and reject, and whether scores are what they say."""
    low, high = (part["score"] for part in figures["parts"])
    off = figures["calibration"]["parts"]["ece"]
    auroc = "unknown, one kind alone is there" if figures["image_auroc"] is None else figures["image_auroc"]
    return (
        f"Escapes below {low:.2f}: {figures['escape_rate']:.2%} of defective {figures['counted']},"
        f" with 95 % confidence under {figures['escape_upper95']:.2%}.\n"
        f"Overkill from {high:.2f}: {figures['overkill_rate']:.2%} of sound ones,"
        f" under {figures['overkill_upper95']:.2%}.\n"
        f"AUROC of pictures {auroc}; a picture's score is off by {off:.2f} on average."
        f"{alone(figures['counted'])}"
    )
