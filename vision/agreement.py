"""How far an export is from the model that it was exported from: both look at the same pictures.

Runs in the training environment (``make train-env``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from vision import answers, entry, network, pictures
from vision.canvas import Canvas
from vision.card import Agreement
from vision.dataset import Truth, label_file, read_split, read_truth
from vision.evaluation import Pair, Report, evaluate, iou
from vision.heads import END_TO_END, QUERIES, ROW, SCORED, YOLO, Head
from vision.records import Findings, Float32, Image
from vision.simulate import VIEWS, PartRenderer
from vision.simulate.protocol import HELD_OUT_SEEDS

SPLIT = "split_unseen_shot"
LARGE = 200
"""Pixels of a box's longer side from which on it may be off in proportion, by a four-hundredth of it."""
COUNTS = 0.25
"""Score from which a box counts when two models are compared."""
SAME_BOX = 0.9
SAME_SCORE = 0.02
RENDERED, PER_SEED = 200, 20
"""Rendered parts that an export is measured on, and how many of them are of one seed."""
Both = tuple[float, float]
"""Of a picture: across and down."""


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


class Trained:
    """The trained checkpoint, in torch.

    A head that has two ways to answer, as those of YOLO10 and YOLO26, answers end to end only if told to.
    """

    def __init__(self, checkpoint: Path, head: Head = YOLO) -> None:
        from ultralytics import YOLO

        model = YOLO(checkpoint).model.float()
        if hasattr(model, "end2end"):
            model.end2end = head.end_to_end
        self._model = model.fuse().eval()
        self._head = Head(QUERIES) if head.kind == SCORED else head.unsuppressed  # as this trainer answers
        self.classes = tuple(self._model.names.values())
        self._grey = next(self._model.parameters()).shape[1] == network.GREY

    def __call__(self, tensor: Float32) -> Float32:
        """Return boxes (1, 4 + classes, n) or findings (1, n, 6) of one picture (1, 3, height, width)."""
        import torch

        shown = entry.grey(tensor) if self._grey else tensor
        with torch.inference_mode():
            answer = self._model(torch.from_numpy(shown))
        while not isinstance(answer, torch.Tensor):  # beside it are masks, and what losses are made of
            answer = answer[0]
        raw = np.asarray(answer.numpy(), dtype=np.float32)
        if self._head in (YOLO, END_TO_END):
            return raw
        reader = answers.reader(self._head, len(self.classes), raw.shape, tensor.shape[2:])
        return np.array(network.compiled(reader, threads=1)(raw)[0])


class Exported:
    """The export, in OpenVINO at full precision, as the runtime uses it."""

    def __init__(self, folder: Path) -> None:
        import openvino

        hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        self._model = openvino.Core().compile_model(folder / "model.xml", "CPU", hints)

    def __call__(self, tensor: Float32) -> Float32:
        """Return the raw output (1, 4 + classes, boxes) of one picture (1, 3, height, width)."""
        return np.array(self._model(tensor)[0], dtype=np.float32)


def prepare(image: Image, canvas: Canvas) -> tuple[Float32, Both, Both]:
    """Return a picture as the trainer shows it to the model, its scale and its padding, each (x, y)."""
    from ultralytics.data.augment import LetterBox

    height, width, _ = image.shape
    down, across = canvas.height / height, canvas.width / width
    if not canvas.stretched:
        down = across = min(down, across)
    left = round((canvas.width - round(width * across)) / 2 - 0.1)
    top = round((canvas.height - round(height * down)) / 2 - 0.1)
    boxed = LetterBox((canvas.height, canvas.width), auto=False, scale_fill=canvas.stretched)(image=image)
    planes = np.ascontiguousarray(boxed[..., ::-1].transpose(2, 0, 1), dtype=np.float32)
    return planes[None] / np.float32(255), (across, down), (left, top)


def decode(raw: Float32, classes: tuple[str, ...], ratio: Both, padding: Both) -> Findings:
    """Return all detections of a raw output, boxes in pixels of the photograph."""
    import torch
    from ultralytics.utils.nms import non_max_suppression

    kept = non_max_suppression(torch.from_numpy(raw), 0.001, 0.7, multi_label=True, max_det=300)[0].numpy()
    boxes = (kept[:, :4] - (*padding, *padding)) / (*ratio, *ratio)
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


def look(samples: Iterable[Sample], models: tuple[Trained, Network], canvas: Canvas) -> Iterator[Seen]:
    """Yield what both models find in each picture, and the truth."""
    for image, truth in samples:
        tensor, ratio, padding = prepare(image, canvas)
        raw = models[0](tensor), models[1](tensor)
        trained, exported = (decode(output, models[0].classes, ratio, padding) for output in raw)
        yield Seen(trained, exported, truth, *apart(*raw))


def look_rendered(model: Exported, classes: tuple[str, ...], size: int) -> Iterator[Pair]:
    """Yield what the exported model finds in rendered parts, and the truth."""
    for image, truth in rendered_parts(classes):
        tensor, ratio, padding = prepare(image, Canvas.square(size))
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
