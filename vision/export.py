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
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from vision import card, learned, pictures
from vision.card import Agreement, Training
from vision.dataset import Truth, label_file, read_classes, read_split, read_truth
from vision.evaluation import Pair, Report, evaluate, iou, judge_parts
from vision.records import Findings, Float32, Image
from vision.simulate import CLASSES, VIEWS, PartRenderer
from vision.simulate.protocol import HELD_OUT_SEEDS
from vision.training import read_learned, read_stages

SPLIT = "split_unseen_shot"
LARGEST = 6_000_000
"""Bytes that model.xml and model.bin may have together."""
MAP50_TOLERANCE = 0.005
SCORE_TOLERANCE = 0.01
BOX_TOLERANCE = 0.5
"""How far a raw score, and a raw box in pixels of the network's input, may be off."""
LARGE = 200
"""Pixels of a box's longer side from which on it may be off in proportion, by a four-hundredth of it."""
DISAGREEING_TOLERANCE = 0.01
"""Share of the detections that the other model may lack: of two near equal boxes either may be kept."""
COUNTS = 0.25
"""Score from which a box counts when two models are compared."""
ROW = 6
"""Numbers of a finding that a head answers with end to end: corners, score and class."""
SAME_BOX = 0.9
SAME_SCORE = 0.02
RENDERED, PER_SEED = 200, 20
"""Rendered parts that an export is measured on, and how many of them are of one seed."""
BANDS = (0.25, 0.5)
"""Scores at which the card tells how whole parts would be judged."""
LICENCE_HEAD = """\
The weights in this folder (model.xml, model.bin) were trained and exported with Ultralytics and are
licensed under the GNU Affero General Public License, version 3 (AGPL-3.0-only), whose text follows.
The rest of the project is not: see the LICENSE file at its root.
"""


class Taught(NamedTuple):
    """The photographs that a model was trained on, and the split whose other side it is measured on."""

    data: Path
    split: str = SPLIT


class Sample(NamedTuple):
    """A picture and what is to be found in it."""

    image: Image
    truth: Truth


class Seen(NamedTuple):
    """What the trained and the exported model find in one picture, the truth, and how far they differ."""

    trained: Findings
    exported: Findings
    truth: Truth
    score_apart: float
    box_apart: float


class Network(Protocol):
    """Whatever gives the raw output of a picture (1, 3, height, width)."""

    def __call__(self, tensor: Float32) -> Float32:
        """Return the raw output."""


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


class Trained:
    """The trained checkpoint, in torch.

    A head that has two ways to answer, as those of YOLO10 and YOLO26, answers end to end only if told to.
    """

    def __init__(self, checkpoint: Path, end_to_end: bool = False) -> None:
        from ultralytics import YOLO

        model = YOLO(checkpoint).model.float()
        if hasattr(model, "end2end"):
            model.end2end = end_to_end
        self._model = model.fuse().eval()
        self.classes = tuple(self._model.names.values())

    def __call__(self, tensor: Float32) -> Float32:
        """Return the raw output (1, 4 + classes, boxes) or (1, n, 6) of one picture (1, 3, height, width)."""
        import torch

        with torch.inference_mode():
            return np.asarray(self._model(torch.from_numpy(tensor))[0].numpy(), dtype=np.float32)


class Exported:
    """The export, in OpenVINO at full precision, as the runtime uses it."""

    def __init__(self, folder: Path) -> None:
        import openvino

        hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        self._model = openvino.Core().compile_model(folder / "model.xml", "CPU", hints)

    def __call__(self, tensor: Float32) -> Float32:
        """Return the raw output (1, 4 + classes, boxes) of one picture (1, 3, height, width)."""
        return np.array(self._model(tensor)[0], dtype=np.float32)


def prepare(image: Image, size: int) -> tuple[Float32, float, tuple[float, float]]:
    """Return a picture as the trainer shows it to the model, its scale, and its padding (x, y)."""
    from ultralytics.data.augment import LetterBox

    height, width = image.shape[:2]
    ratio = min(size / height, size / width)
    left, top = (round((size - round(side * ratio)) / 2 - 0.1) for side in (width, height))
    boxed = LetterBox((size, size), auto=False)(image=image)[..., ::-1].transpose(2, 0, 1)
    return np.ascontiguousarray(boxed, dtype=np.float32)[None] / np.float32(255), ratio, (left, top)


def decode(raw: Float32, classes: tuple[str, ...], ratio: float, padding: tuple[float, float]) -> Findings:
    """Return all detections of a raw output, boxes in pixels of the photograph."""
    import torch
    from ultralytics.utils.nms import non_max_suppression

    kept = non_max_suppression(torch.from_numpy(raw), 0.001, 0.7, multi_label=True, max_det=300)[0].numpy()
    boxes = (kept[:, :4] - (*padding, *padding)) / ratio
    return Findings(classes, boxes.astype(np.float32), kept[:, 5].astype(np.int32), kept[:, 4])


def photographs(taught: Taught) -> Iterator[Sample]:
    """Yield the photographs of the held-out side that can be read."""
    for name in read_split(*taught).test:
        image, _ = pictures.decode((taught.data / "images" / name).read_bytes())
        if image is not None:
            yield Sample(image, read_truth(label_file(taught.data, name), image.shape[1], image.shape[0]))


def rendered_parts(classes: tuple[str, ...]) -> Iterator[Sample]:
    """Yield rendered parts of held-out seeds, whose flaws all have a class, from every view in turn."""
    for index in range(RENDERED):
        if index % PER_SEED == 0:
            renderer = PartRenderer(HELD_OUT_SEEDS[-1 - index // PER_SEED], flaw_rate=0.5)
        picture = renderer.render(index, list(VIEWS)[index % len(VIEWS)])
        if {*picture.labels} <= {*classes}:
            labels = np.array([classes.index(label) for label in picture.labels], np.int32)
            yield Sample(picture.image, Truth(picture.boxes, labels))


def look(samples: Iterable[Sample], models: tuple[Trained, Network], size: int) -> Iterator[Seen]:
    """Yield what both models find in each picture, and the truth."""
    for image, truth in samples:
        tensor, ratio, padding = prepare(image, size)
        raw = models[0](tensor), models[1](tensor)
        trained, exported = (decode(output, models[0].classes, ratio, padding) for output in raw)
        yield Seen(trained, exported, truth, *apart(*raw))


def look_rendered(model: Exported, classes: tuple[str, ...], size: int) -> Iterator[Pair]:
    """Yield what the exported model finds in rendered parts, and the truth."""
    for image, truth in rendered_parts(classes):
        tensor, ratio, padding = prepare(image, size)
        yield decode(model(tensor), classes, ratio, padding), truth


def apart(trained: Float32, exported: Float32) -> tuple[float, float]:
    """Return how far raw scores are apart, and the corners of boxes that count."""
    if trained.shape[-1] == ROW:
        return apart_end_to_end(trained[0], exported[0])
    counts = trained[0, 4:].max(axis=0) >= COUNTS
    boxes = trained[0, :4, counts]
    off = np.abs(boxes - exported[0, :4, counts]).max(axis=1, initial=0.0) * share(boxes[:, 2:].max(axis=1))
    return float(np.abs(trained[0, 4:] - exported[0, 4:]).max()), float(off.max(initial=0.0))


def share(side: Float32) -> Float32:
    """Return what a pixel counts at an edge of boxes with such longer sides (n,)."""
    counted: Float32 = np.divide(LARGE, np.maximum(side, LARGE), dtype=np.float32)
    return counted


def apart_end_to_end(trained: Float32, exported: Float32) -> tuple[float, float]:
    """Return the same of findings (n, 6), each beside the nearest of its class: they come in any order."""
    score, box = 0.0, 0.0
    for row in trained[trained[:, 4] >= COUNTS]:
        same = exported[exported[:, 5] == row[5]]
        corners = np.abs(same[:, :4] - row[:4]).max(axis=1, initial=0.0)
        if not len(same):
            return float("inf"), float("inf")
        nearest = int(corners.argmin())
        off = float(corners[nearest] * share((row[2:4] - row[:2]).max()))
        score, box = max(score, float(abs(same[nearest, 4] - row[4]))), max(box, off)
    return score, box


def compare(seen: list[Seen], classes: tuple[str, ...]) -> tuple[Agreement, Report]:
    """Return how the two models agree, and the exported one's report."""
    report = evaluate([(item.exported, item.truth) for item in seen], classes)
    agreement = Agreement(
        pictures=len(seen),
        worst_score=max(item.score_apart for item in seen),
        worst_box=max(item.box_apart for item in seen),
        detections=sum(int((side.scores >= COUNTS).sum()) for item in seen for side in item[:2]),
        disagreeing=sum(
            lacks(item.trained, item.exported) + lacks(item.exported, item.trained) for item in seen
        ),
        map50_trained=evaluate([(item.trained, item.truth) for item in seen], classes).map50(),
        map50_exported=report.map50(),
    )
    return agreement, report


def lacks(ours: Findings, theirs: Findings) -> int:
    """Return how many detections count here and have no equal there."""
    sure = np.flatnonzero(ours.scores >= COUNTS)
    same = iou(ours.boxes[sure], theirs.boxes) >= SAME_BOX
    same &= ours.labels[sure, None] == theirs.labels[None, :]
    same &= np.abs(ours.scores[sure, None] - theirs.scores[None, :]) <= SAME_SCORE
    return int((~same.any(axis=1)).sum())


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
    seen = list(look(photographs(taught) if taught else rendered_parts(classes), models, size))
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
