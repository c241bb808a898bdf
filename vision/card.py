"""A model's card: what it was trained on, how good it is, what nobody has proven. Facts in, text out."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vision.card_pages import ADOPTED, COMPARED, QUANTISED, UNCOMPARED, subject_of
from vision.evaluation import FEATURES, PartFigures, Report

MODEL_FILES = ("model.xml", "model.bin")


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
    report: Report, parts: tuple[PartFigures, ...], agreement: Agreement, side: str
) -> dict[str, Any]:
    """Return the numbers of a card: of the pictures of one side of the split, and of the export."""
    return {
        f"map50_{side}": _number(report.map50()),
        f"map50_95_{side}": _number(report.map50_95()),
        "map50_defects": _number(report.map50(report.defects())),
        "pictures": report.pictures,
        "ap50": {name: _number(value) for name, value in report.ap50().items()},
        "instances": dict(zip(report.classes, report.instances.tolist(), strict=True)),
        "parts": [asdict(item) for item in parts],
        "export": {key: _number(value) for key, value in asdict(agreement).items()},
    }


def beside(rendered: Report) -> dict[str, Any]:
    """Return what a detector of photographs is worth on rendered parts."""
    return {"rendered": {"pictures": rendered.pictures, "map50": _number(rendered.map50())}}


def _number(value: float) -> float:
    return value if isinstance(value, int) or math.isnan(value) else round(value, 4)


def card(
    name: str, folder: Path, classes: tuple[str, ...], training: Training, numbers: dict[str, Any]
) -> dict[str, Any]:
    """Return the card of a model whose files lie in ``folder``."""
    subject = subject_of(training.data)
    return {
        "name": name,
        "task": "detect",
        "classes": list(classes),
        "features": [item for item in classes if item in FEATURES],
        "iso6520": {item: code for item, code in subject.iso6520.items() if item in classes},
        "input_size": training.image_size,
        "weights": "FP16",
        "licence": "AGPL-3.0-only",
        "files": {file: sha256(folder / file) for file in MODEL_FILES},
        "training": asdict(training) | {"epochs": list(training.epochs)},
        "metrics": numbers,
        "ceiling_f1": subject.ceiling_f1,
        "unproven": list(subject.unproven),
    }


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write(folder: Path, facts: dict[str, Any]) -> None:
    """Write the card in both its forms: ``card.json`` for programs, ``README.md`` for people."""
    (folder / "card.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(text(facts), encoding="utf-8")


def text(facts: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    if "adopted" in facts:
        return _adopted(facts)
    page = QUANTISED if "quantised" in facts else subject_of(facts["training"]["data"]).page
    return page.format(
        **facts,
        export=facts["metrics"].get("export"),
        epochs=" + ".join(map(str, facts["training"]["epochs"])),
        class_table=_class_table(facts),
        part_table=_part_table(facts["metrics"]["parts"]),
        unproven_list=_list(facts["unproven"]),
    )


def _adopted(facts: dict[str, Any]) -> str:
    lists = {"class_list": _list(facts["classes"]), "unproven_list": _list(facts["unproven"])}
    if "compared" not in facts:
        return (ADOPTED + UNCOMPARED).format(**facts, **lists)
    tables = {"class_table": _class_table(facts), "part_table": _part_table(facts["metrics"]["parts"])}
    return (ADOPTED + COMPARED).format(**facts, **lists, **tables, export=facts["metrics"]["export"])


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


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
