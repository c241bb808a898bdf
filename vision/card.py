"""A model's card: what it was trained on, how good it is, what nobody has proven. Facts in, text out."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vision.evaluation import FEATURES, PartFigures, Report

MODEL_FILES = ("model.xml", "model.bin")
ISO6520 = {"Surface_pores": "2017"}
"""Classes that are an imperfection of ISO 6520-1. ``crater`` is left out: the photographs do not show
whether it is a crater pipe (2024) or an end crater (2025); the other classes group several."""

CEILING = {"all": 0.82, "Surface_pores": 0.75}
"""F1 at which several annotation passes over the same photographs agree: no detector proves more here."""

UNPROVEN = (
    "welds that none of the training photographs show: the unseen photographs are of the same few welds",
    "other lighting, other cameras, other distances",
    "other processes and materials than hand-made arc welds on steel tube",
    "anything by rendered parts: how well it judges them says nothing about real welds",
)


@dataclass(frozen=True, slots=True)
class Training:
    """How a checkpoint came to be."""

    architecture: str
    data: str
    split: str
    pictures: int
    epochs: tuple[int, ...]
    """Epochs of each stage: the first from random weights, each other from the one before."""
    rendered: int
    """Rendered parts among the pictures of the last stage."""
    batch: int
    seed: int
    image_size: int
    trained: str
    """Date of the checkpoint, ISO 8601."""
    trainer: str
    note: str = ""
    """What else one must know to judge or repeat the training."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How an export compares with the trained model on the same pictures."""

    pictures: int
    worst_score: float
    """Largest difference of a score in the raw outputs."""
    worst_box: float
    """Largest difference of a box that counts in the raw outputs, pixels of the network's input."""
    detections: int
    """Findings of either, after suppression, at or above the score that counts."""
    disagreeing: int
    """Those of them that the other has not: of two near equal boxes either may be kept."""
    map50_trained: float
    map50_exported: float


def metrics(
    report: Report, parts: tuple[PartFigures, ...], agreement: Agreement, rendered: Report
) -> dict[str, Any]:
    """Return the numbers of a card: of real photographs, of the export, and of rendered parts."""
    return {
        "map50_unseen_shot": _number(report.map50()),
        "map50_95_unseen_shot": _number(report.map50_95()),
        "map50_defects": _number(report.map50(report.defects())),
        "pictures": report.pictures,
        "ap50": {name: _number(value) for name, value in report.ap50().items()},
        "instances": dict(zip(report.classes, report.instances.tolist(), strict=True)),
        "parts": [asdict(item) for item in parts],
        "rendered": {"pictures": rendered.pictures, "map50": _number(rendered.map50())},
        "export": {key: _number(value) for key, value in asdict(agreement).items()},
    }


def _number(value: float) -> float:
    return value if isinstance(value, int) or math.isnan(value) else round(value, 4)


def card(
    name: str, folder: Path, classes: tuple[str, ...], training: Training, numbers: dict[str, Any]
) -> dict[str, Any]:
    """Return the card of a model whose files lie in ``folder``."""
    return {
        "name": name,
        "task": "detect",
        "classes": list(classes),
        "features": [item for item in classes if item in FEATURES],
        "iso6520": {item: code for item, code in ISO6520.items() if item in classes},
        "input_size": training.image_size,
        "weights": "FP16",
        "licence": "AGPL-3.0-only",
        "files": {file: sha256(folder / file) for file in MODEL_FILES},
        "training": asdict(training) | {"epochs": list(training.epochs)},
        "metrics": numbers,
        "ceiling_f1": CEILING,
        "unproven": list(UNPROVEN),
    }


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write(folder: Path, facts: dict[str, Any]) -> None:
    """Write the card in both its forms: ``card.json`` for programs, ``README.md`` for people."""
    (folder / "card.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(text(facts), encoding="utf-8")


PAGE = """\
# {name}: a detector of weld imperfections

{training[architecture]}, {input_size} px, OpenVINO with {weights} weights. `python -m vision.export` writes
this page from the numbers in `card.json`.

## What it was trained on

{training[pictures]} photographs of hand-made arc welds on steel tube ({training[data]}): the training side of
`{training[split]}`. The uploader states the MIT licence; **the provenance of the photographs is not
proven.** They show about five physical welds, consecutive frames of each, so a random split would say
nothing.

Trained from random weights with {training[trainer]}: {epochs} epochs, batch {training[batch]}, seed
{training[seed]}, finished {training[trained]}. {training[rendered]} rendered parts were among the pictures
of the last stage. There was no early stopping and no choice of a best epoch; stages after the first were
added when the one before had been measured on the test side.
{training[note]}

## How good it is

On {metrics[pictures]} photographs of unseen shots (the same welds, other frames, with a gap between):

{class_table}

mAP50 {metrics[map50_unseen_shot]:.3f}, mAP50-95 {metrics[map50_95_unseen_shot]:.3f}, mAP50 of the defects
alone {metrics[map50_defects]:.3f}. Several annotation passes over these photographs agree with F1
{ceiling_f1[all]:.2f} only (pores {ceiling_f1[Surface_pores]:.2f}): that is the ceiling.

Judged as whole parts, a photograph with a defect being a defective part:

{part_table}

On {metrics[rendered][pictures]} rendered parts of an unseen seed: mAP50 {metrics[rendered][map50]:.3f}.

## The export against the trained model

On the same photographs: mAP50 {export[map50_trained]:.4f} trained, {export[map50_exported]:.4f} exported.
Raw scores differ by {export[worst_score]:.4f} at most, boxes by {export[worst_box]:.2f} pixels; of
{export[detections]} detections after suppression {export[disagreeing]} are not in the other (of two near
equal boxes either may be kept). An export that disagrees beyond the tolerances in `vision/export.py` is not
written.

## What is unproven

{unproven_list}

No model decides without a signature: this one may judge demo part numbers only.

## Licence

The weights were trained and exported with Ultralytics and are under AGPL-3.0 (`LICENSE`), apart from the
rest of the project.
"""


def text(facts: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    return PAGE.format(
        **facts,
        export=facts["metrics"]["export"],
        epochs=" + ".join(map(str, facts["training"]["epochs"])),
        class_table=_class_table(facts),
        part_table=_part_table(facts["metrics"]["parts"]),
        unproven_list="\n".join(f"- {item}" for item in facts["unproven"]),
    )


def _class_table(facts: dict[str, Any]) -> str:
    numbers, codes = facts["metrics"], facts["iso6520"]
    rows = [
        f"| {name} | {codes.get(name, '')} | {numbers['instances'][name]} | {value:.3f} |"
        for name, value in numbers["ap50"].items()
    ]
    return "\n".join(["| class | ISO 6520-1 | boxes | AP50 |", "|---|---|---:|---:|", *rows])


def _part_table(parts: list[dict[str, Any]]) -> str:
    rows = [
        "| {score:.2f} | {escaped} of {defective} | {overkill} of {sound} |".format_map(item)
        for item in parts
    ]
    head = "| defects count from score | defective parts passed | sound parts rejected |"
    return "\n".join([head, "|---:|---:|---:|", *rows])
