"""``seamline evaluate anomaly``: a bank of good parts against good and defective ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.commands import evaluate
from cluster.terminal import Json, alone, progress, screen


@evaluate.command("anomaly")
def evaluate_anomaly(
    data: Annotated[
        Path, typer.Argument(help="A set in the layout of MVTec AD: test/good, test/OTHER, ground_truth.")
    ],
    bank: Annotated[str, typer.Option(help="The bank's name.")],
    as_json: Json = False,
) -> None:
    """Measure a bank on good and defective pictures: AUROC, AUPRO, escapes and overkill at its limit."""
    from engine.paths import Home
    from vision import anomaly
    from vision.anomaly.accuracy import measure, pictures_of

    places = [Home.default().models]
    detector = anomaly.AnomalyDetector.of(anomaly.find(bank, places), places)
    total, seen = pictures_of(data), iter(range(1, 1 << 62))
    with progress(f"Comparing with {bank}") as tell:
        figures = measure(detector, data, lambda: tell(next(seen), total)).as_dict()
    told = {"bank": bank, "hash": detector.hash, **figures}
    print(json.dumps(told)) if as_json else show(told)


def show(told: dict[str, Any]) -> None:
    """Print what was measured."""
    what = told["counted"]
    regions = "no masks" if told["aupro"] is None else f"AUPRO {told['aupro']:.3f}"
    screen.print(
        f"{told['bank']} on {told['good']} good and {told['defective']} defective {what}:"
        f" AUROC {told['image_auroc']:.3f}, {regions}\n"
        f"Escapes: {told['escaped']} of {told['defective']} defective {what} keep the limit"
        f" ({told['escape_rate']:.2%}, with 95 % confidence under {told['escape_upper95']:.2%}).\n"
        f"Overkill: {told['overkill']} of {told['good']} good {what} are above it"
        f" ({told['overkill_rate']:.2%}, under {told['overkill_upper95']:.2%}).{alone(what)}",
        highlight=False,
        soft_wrap=True,
    )
