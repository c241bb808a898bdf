"""How good models are, as the runtime runs them, on pictures they were not trained on.

    python -m bench accuracy [welds-pipe | welds-battery | demo] --json

Needs the real data: the folder that ``SEAMLINE_DATA`` names; ``demo`` renders its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import accuracy_demo, battery
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


def run(name: str = "welds-pipe") -> dict[str, Any]:
    """Measure what judges a data set: the shipped detector, or a bank fitted on its good pictures.

    Raises
    ------
    SystemExit
        There is no such set, or ``SEAMLINE_DATA`` does not name the folder of the data.
    """
    if name == "demo":
        return accuracy_demo.measure()
    if name not in SETS:
        raise SystemExit(f"There is no set {name!r}; choose one of demo, {', '.join(SETS)}.")
    data = Path(os.environ.get("SEAMLINE_DATA", "")) / name
    if not data.is_dir():
        raise SystemExit(f"There is no {data}; set SEAMLINE_DATA to the folder that holds {name}.")
    return SETS[name](data)


def detect(data: Path, model: str = "weld-pipe") -> dict[str, Any]:
    """Measure the shipped detector on a data set's unseen shots."""
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


SETS: dict[str, Callable[[Path], dict[str, Any]]] = {"welds-pipe": detect, "welds-battery": battery.measure}
"""What measures each set."""
