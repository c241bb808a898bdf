"""Detection with an exported YOLO: OpenVINO on the CPU, pinned to f32 and to a number of threads.

The same picture and model give the same findings, bit for bit, however many pictures are looked at
at once: each goes through one stream of fixed threads.
"""

from __future__ import annotations

import os
import queue
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov

from vision import letterbox
from vision.records import Findings, Float32, Image, Int32
from vision.registry import Model, ModelError

OVERLAP = 0.7
"""Boxes of one class that overlap by more (intersection over union) are one finding."""
MOST = 300
"""Findings of one picture at the most."""
CLASS_OFFSET = 7680
"""Pixels that classes are moved apart by, so that they never suppress each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One request with the input it reads and the output it fills."""

    request: Any
    blob: Float32


class Detector:
    """Find what a model knows in pictures, from as many threads at once as there are lanes.

    Parameters
    ----------
    model
        The export; its card was checked.
    streams, threads
        Pictures computed at once, and threads for each of them.
    lanes
        Pictures accepted at once; one more than streams keeps the streams busy.

    Raises
    ------
    ModelError
        OpenVINO cannot read the export, or its shapes are not those of its card.
    """

    def __init__(self, model: Model, streams: int = 1, threads: int = 1, lanes: int | None = None) -> None:
        self.model = model
        self._lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        compiled = compile_model(model, streams, threads)
        for _ in range(lanes or streams + 1):
            self._lanes.put(open_lane(compiled, model.input_size))

    def fit(self, image: Image) -> letterbox.Fitted:
        """Resize a picture to the model's scale."""
        return letterbox.fit(image, self.model.input_size)

    def detect(self, image: Image, floor: float = 0.25) -> Findings:
        """Return the findings of a picture with scores above ``floor``, best first, in its own pixels."""
        return self.detect_fitted(self.fit(image), floor)

    def detect_fitted(self, fitted: letterbox.Fitted, floor: float) -> Findings:
        """Return the findings of a picture that was brought to the model's scale."""
        lane = self._lanes.get()
        try:
            letterbox.fill(fitted, lane.blob[0])
            lane.request.start_async()
            lane.request.wait()
            output = lane.request.get_output_tensor().data[0]
            boxes, labels, scores = candidates(output, floor)
        finally:
            self._lanes.put(lane)
        kept = suppress(boxes, labels, scores)
        return Findings(self.model.classes, fitted.back(boxes[kept]), labels[kept], scores[kept])


def compile_model(model: Model, streams: int, threads: int) -> Any:
    """Compile an export for this CPU, pinned to f32 and to threads."""
    core = ov.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": str(streams),
        "INFERENCE_NUM_THREADS": str(streams * threads),
        # Pinned threads keep their caches; but fewer than all cores would all pin to the same few.
        "ENABLE_CPU_PINNING": "YES" if streams * threads >= len(os.sched_getaffinity(0)) else "NO",
    }
    try:
        network = core.read_model(model.folder / "model.xml", model.folder / "model.bin")
        shapes = tuple(network.input(0).shape), tuple(network.output(0).shape)[:2]
        compiled = core.compile_model(network, "CPU", settings)
    except RuntimeError as exc:
        raise ModelError(f"OpenVINO cannot read the model in {model.folder}; export it anew.") from exc
    side = model.input_size
    if shapes != ((1, 3, side, side), (1, 4 + len(model.classes))):
        raise ModelError(f"The model in {model.folder} has the shapes {shapes}, its card says otherwise.")
    return compiled


def open_lane(compiled: Any, side: int) -> Lane:
    """Return a request that reads its input from an array of ours."""
    blob = np.zeros((1, 3, side, side), np.float32)
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(blob, shared_memory=True))
    return Lane(request, blob)


def candidates(output: Float32, floor: float) -> tuple[Float32, Int32, Float32]:
    """Decode a YOLO head (4 + classes, n): boxes (k, 4) of the square, labels and scores above ``floor``."""
    best = output[4:].max(axis=0)
    chosen = np.flatnonzero(best > np.float32(floor))
    columns = output[:, chosen]
    middle, half = columns[:2], columns[2:4] / np.float32(2)
    boxes = np.concatenate([middle - half, middle + half]).T
    return boxes, columns[4:].argmax(axis=0).astype(np.int32), best[chosen]


def suppress(boxes: Float32, labels: Int32, scores: Float32) -> Int32:
    """Return the rows to keep, best score first: of overlapping boxes of one class only the best."""
    order = np.argsort(-scores, kind="stable")
    apart = boxes[order] + (labels[order] * np.float32(CLASS_OFFSET))[:, None]
    kept: list[int] = []
    alive = np.ones(len(order), bool)
    for row in range(len(order)):
        if alive[row] and len(kept) < MOST:
            kept.append(int(order[row]))
            alive[row + 1 :] &= overlap(apart[row], apart[row + 1 :]) <= np.float32(OVERLAP)
    return np.array(kept, np.int32)


def overlap(box: Float32, others: Float32) -> Float32:
    """Return the intersection over union of one box with others (n, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(high - low, np.float32(0))
    shared = sides[:, 0] * sides[:, 1]
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    union = area + areas - shared
    share: Float32 = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share
