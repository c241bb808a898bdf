"""How good models are, as the runtime runs them, on pictures they were not trained on.

    python -m bench accuracy [welds-pipe | welds-battery | demo] --json

Needs the real data: the folder that ``SEAMLINE_DATA`` names; ``demo`` renders its own. ``map50_trained``
alone is not measured here but read from the card: the trained model's checkpoint does not ship.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import accuracy_demo, battery, lazy_boxes, unseen_weld
from vision import registry
from vision.accuracy import Accuracy, measure
from vision.evaluation import Report

IN_F32 = "weld-pipe"
"""The export in f32 that the shipped detector was made of."""


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


def detect(data: Path) -> dict[str, Any]:
    """Measure the shipped detector on a data set's unseen shots, and what tells its unseen welds apart.

    That is the default of a plant, quantised and exported (``map50_exported``); beside it stand the export
    in f32 that it was made of (``map50_exported_f32``) and what the card says of the trained model
    (``map50_trained``).
    """
    source = registry.find(IN_F32)
    card = json.loads((source.folder / "card.json").read_text(encoding="utf-8"))
    split = card["training"]["split"]
    shipped, in_f32 = (measure(one, data, split) for one in (registry.find(registry.DEFAULT), source))
    return {
        "map50_trained": card["metrics"]["export"]["map50_trained"],
        "map50_exported": round(shipped.report.map50(), 4),
        "map50_95_exported": round(shipped.report.map50_95(), 4),
        "map50_exported_f32": round(in_f32.report.map50(), 4),
        "map50_95_exported_f32": round(in_f32.report.map50_95(), 4),
        **figures(shipped, lazy_boxes.measure(data, split)),
        **unseen_weld.measure(data),
    }


def figures(accuracy: Accuracy, lazy: Report) -> dict[str, Any]:
    """Return what was measured beside the lazy detector."""
    report = accuracy.report
    return {
        "map50_unseen_shot": round(report.map50(), 4),
        "map50_95_unseen_shot": round(report.map50_95(), 4),
        "map50_defects": round(report.map50(report.defects()), 4),
        "map50_lazy": round(lazy.map50(), 4),
        "map50_defects_lazy": round(lazy.map50(lazy.defects()), 4),
        "pictures": report.pictures,
        **{f"ap50_{name}": round(value, 4) for name, value in report.ap50().items()},
        **judged(accuracy),
    }


def judged(accuracy: Accuracy) -> dict[str, Any]:
    """Return what the scores mean for whole parts, and whether they are what they say."""
    told = accuracy.as_dict()
    keys = ("escape_rate", "escape_upper95", "overkill_rate", "overkill_upper95", "image_auroc")
    return {
        **{f"escaped_{part.score}": f"{part.escaped}/{part.defective}" for part in accuracy.parts},
        **{f"overkill_{part.score}": f"{part.overkill}/{part.sound}" for part in accuracy.parts},
        **{key: told[key] for key in keys},
        "ece": told["calibration"]["parts"]["ece"],
        "ece_findings": told["calibration"]["findings"]["ece"],
        "reliability": told["calibration"]["parts"]["bins"],
    }


SETS: dict[str, Callable[[Path], dict[str, Any]]] = {"welds-pipe": detect, "welds-battery": battery.measure}
"""What measures each set."""
