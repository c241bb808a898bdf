"""How good the shipped detector is, as the runtime runs it, on photographs it was not trained on.

    python -m bench accuracy --json

Needs the real data: the folder that ``SEAMLINE_DATA`` names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from vision import registry
from vision.accuracy import measure
from vision.evaluation import Report


def figures(report: Report, card: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of a report beside those that the model's card claims."""
    return {
        "map50_unseen_shot": card["metrics"]["export"]["map50_trained"],
        "map50_exported": round(report.map50(), 4),
        "map50_95_exported": round(report.map50_95(), 4),
        "map50_defects": round(report.map50(report.defects()), 4),
        "pictures": report.pictures,
        **{f"ap50_{name}": round(value, 4) for name, value in report.ap50().items()},
    }


def run(name: str = "welds-pipe", model: str = "weld-pipe") -> dict[str, Any]:
    """Measure the shipped model on a data set's unseen shots.

    Raises
    ------
    SystemExit
        ``SEAMLINE_DATA`` does not name the folder of the data.
    """
    data = Path(os.environ.get("SEAMLINE_DATA", "")) / name
    if not (data / "splits.csv").is_file():
        raise SystemExit(f"There is no {data}; set SEAMLINE_DATA to the folder that holds {name}.")
    found = registry.find(model)
    card = json.loads((found.folder / "card.json").read_text(encoding="utf-8"))
    accuracy = measure(found, data, card["training"]["split"])
    return figures(accuracy.report, card) | {
        key: value
        for part in accuracy.parts
        for key, value in (
            (f"escaped_{part.score}", f"{part.escaped}/{part.defective}"),
            (f"overkill_{part.score}", f"{part.overkill}/{part.sound}"),
        )
    }
