"""Export a trained detector for the runtime, and only if the export agrees with it.

Runs in the training environment (``make train-env``):

    python -m vision.export --data "$SEAMLINE_DATA/welds-pipe" --runs runs --name weld-pipe
    python -m vision.export --data ~/sets/welds --split split --runs runs --name weld-2 --into exports
    python -m vision.export --runs runs --name weld-sim     # trained on rendered parts alone
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from vision import card, learned
from vision.agreement import (
    SPLIT,
    Exported,
    Taught,
    Trained,
    compare,
    look,
    look_rendered,
    photographs,
    rendered_parts,
)
from vision.canvas import Canvas
from vision.card import Agreement, Training
from vision.dataset import read_classes, read_split
from vision.evaluation import evaluate, judge_parts
from vision.simulate import CLASSES
from vision.training import read_learned, read_stages

LARGEST = 6_000_000
"""Bytes that model.xml and model.bin may have together."""
MAP50_TOLERANCE = 0.005
SCORE_TOLERANCE = 0.01
BOX_TOLERANCE = 0.5
"""How far a raw score, and a raw box in pixels of the network's input, may be off."""
DISAGREEING_TOLERANCE = 0.01
"""Share of the detections that the other model may lack: of two near equal boxes either may be kept."""
BANDS = (0.25, 0.5)
"""Scores at which the card tells how whole parts would be judged."""
LICENCE_HEAD = """\
The weights in this folder (model.xml, model.bin) were trained and exported with Ultralytics and are
licensed under the GNU Affero General Public License, version 3 (AGPL-3.0-only), whose text follows.
The rest of the project is not: see the LICENSE file at its root.
"""


class ExportError(Exception):
    """The export must not be used; the message says why."""


def export(checkpoint: Path, into: Path, image_size: int) -> None:
    """Write ``model.xml`` and ``model.bin`` with FP16 weights, without a word about this machine."""
    from ultralytics import YOLO

    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(checkpoint, Path(folder) / "model.pt")
        made = Path(
            YOLO(copy).export(format="openvino", imgsz=image_size, quantize=16, batch=1, verbose=False)
        )
        xml = next(made.glob("*.xml"))
        into.mkdir(parents=True, exist_ok=True)
        (into / "model.xml").write_text(impersonal(xml.read_text(encoding="utf-8")), encoding="utf-8")
        shutil.copy(xml.with_suffix(".bin"), into / "model.bin")


def impersonal(xml: str) -> str:
    """Return a model description without indentation and without any path of the machine that wrote it.

    Raises
    ------
    ExportError
        A path is in it that is not known how to remove.
    """
    bare = re.sub(r"<conversion_parameters>.*?</conversion_parameters>", "", xml, flags=re.DOTALL)
    if found := re.search(r'value="([^"]*/home/[^"]*|/[^"]*/[^"]*)"', bare):
        raise ExportError(f"model.xml would name the path {found[1]}; teach vision.export to remove it")
    return re.sub(r"\n\s*", "\n", bare)


def check(agreement: Agreement, folder: Path) -> None:
    """Refuse an export that disagrees with its trained model or is too large to ship.

    Raises
    ------
    ExportError
        In one sentence: what is beyond its limit.
    """
    lost = abs(agreement.map50_trained - agreement.map50_exported)
    limits = (
        ("mAP50", lost, MAP50_TOLERANCE),
        ("a raw score", agreement.worst_score, SCORE_TOLERANCE),
        ("a raw box, in pixels,", agreement.worst_box, BOX_TOLERANCE),
        (
            "the share of detections",
            agreement.disagreeing / max(1, agreement.detections),
            DISAGREEING_TOLERANCE,
        ),
    )
    for what, value, limit in limits:
        if not value <= limit:
            raise ExportError(
                f"The export is off the trained model: {what} by {value:.4f}, {limit} is allowed."
            )
    size = sum((folder / name).stat().st_size for name in card.MODEL_FILES)
    if size > LARGEST:
        raise ExportError(f"The export has {size} bytes; {LARGEST} are allowed.")


def describe(checkpoint: Path, taught: Taught | None, note: str) -> Training:
    """Read from a checkpoint how it was trained: on photographs, or without them on rendered parts."""
    import torch

    held: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=False)
    settings, stages = held["train_args"], read_stages(checkpoint)
    return Training(
        architecture="YOLO11n",
        data=taught.data.resolve().name if taught else "rendered parts",
        split=taught.split if taught else "vision/simulate/protocol.py",
        pictures=len(read_split(*taught).train) if taught else stages[-1].rendered,
        epochs=tuple(stage.epochs for stage in stages),
        rendered=stages[-1].rendered,
        batch=settings["batch"],
        seed=settings["seed"],
        image_size=settings["imgsz"],
        trained=held["date"][:10],
        trainer=f"Ultralytics {held['version']}",
        note=note,
    )


def licence() -> str:
    """Return the licence of the weights: AGPL-3.0, as the trainer's own distribution carries it."""
    files = distribution("ultralytics").files or []
    text = next(file for file in files if file.name == "LICENSE").read_text()
    return f"{LICENCE_HEAD}\n{text}"


def ship(taught: Taught | None, checkpoint: Path, into: Path, name: str, note: str = "") -> dict[str, Any]:
    """Export a checkpoint, check it and write the model's folder; nothing is written if it disagrees.

    It is measured on the photographs that were held out, or where there are none on rendered parts.

    Raises
    ------
    ExportError
        The export disagrees with the trained model, or is too large.
    """
    training = describe(checkpoint, taught, note)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        export(checkpoint, made, training.image_size)
        classes, numbers = measure(taught, (Trained(checkpoint), Exported(made)), made, training.image_size)
        facts = card.card(name, made, classes, training, numbers)
        if (seen := read_learned(checkpoint)) is not None:
            facts[learned.KEY] = seen
        into.mkdir(parents=True, exist_ok=True)
        for file in card.MODEL_FILES:
            shutil.copy(made / file, into / file)
        (into / "LICENSE").write_text(licence(), encoding="utf-8")
        card.write(into, facts)
    return facts


def measure(
    taught: Taught | None, models: tuple[Trained, Exported], made: Path, size: int
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the classes and the numbers of a card, unless the export must not be used."""
    classes = read_classes(taught.data) if taught else CLASSES
    seen = list(look(photographs(taught) if taught else rendered_parts(classes), models, Canvas.square(size)))
    agreement, report = compare(seen, classes)
    check(agreement, made)
    pairs = [(item.exported, item.truth) for item in seen]
    parts = tuple(judge_parts(pairs, classes, score) for score in BANDS)
    side = "unseen_shot" if taught and taught.split == SPLIT else "held_out"
    numbers = card.metrics(report, parts, agreement, side)
    if taught and taught.split == SPLIT:
        numbers |= card.beside(evaluate(look_rendered(models[1], classes, size), classes))
    return classes, numbers


def main() -> None:
    """Export a run's last checkpoint into the models that ship."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the data set; without it: rendered parts")
    parser.add_argument("--split", default=SPLIT, help="column of splits.csv that it was trained on")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument("--name", default="weld-pipe", help="name of the model")
    parser.add_argument("--run", help="name of the run, if it is not the model's")
    parser.add_argument("--note", default="", help="what else the card must say of the training")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "models")
    given = parser.parse_args()
    os.environ.setdefault("YOLO_CONFIG_DIR", str(given.runs.resolve()))
    checkpoint = given.runs / (given.run or given.name) / "weights" / "last.pt"
    try:
        taught = Taught(given.data, given.split) if given.data else None
        facts = ship(taught, checkpoint, given.into / given.name, given.name, given.note)
    except ExportError as exc:
        parser.exit(1, f"{exc}\n")
    print(json.dumps(facts["metrics"], indent=2))


if __name__ == "__main__":
    main()
