"""Detection with an exported YOLO: OpenVINO on the CPU, pinned to its precision and to a number of threads.

The same picture and model give the same findings, bit for bit, however many pictures are looked at
at once: each goes through one lane of fixed threads. A lane of one thread computes in the thread that
asks, so a picture stays in that core's cache from its bytes to its findings. Pictures that wait anyway
are computed together, since the model's weights are then fetched once for all of them; that this gives the
bits that each alone would have given is tried when a detector opens, and where it does not, it is not done.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
import structlog

from kernels import boxes as kernel
from vision import letterbox, network
from vision.records import Findings, Float32, Image, Int32
from vision.registry import Model, ModelError

logger = structlog.get_logger(__name__)

OVERLAP = 0.7
"""Boxes of one class that overlap by more (intersection over union) are one finding."""
MOST = 300
"""Findings of one picture at the most."""
TOGETHER = 2
"""Pictures computed together: more gain little or lose, for the caches, and each waits for the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A compiled network with the input (pictures, 3, side, side) it reads and the heads it fills.

    A picture's head is (4 + classes, n), to be decoded by `choose`; of a model that is end to end (n, 6), by
    `sort`.
    """

    compiled: Any
    blob: Float32
    heads: Float32

    def infer(self, pictures: Sequence[letterbox.Fitted]) -> Float32:
        """Return the heads of as many pictures as the request takes, to be read before the next.

        Raises
        ------
        ModelError
            One of them is no number: nothing may be said of the part.
        """
        for fitted, blob in zip(pictures, self.blob, strict=True):
            letterbox.fill(fitted, blob)
        self.compiled.infer(share_outputs=True)
        check_numbers(self.heads)
        return self.heads


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """What one thread computes with: a picture alone, or several together where that gives the same bits."""

    alone: Request
    together: Request | None = None

    def groups(self, pictures: Sequence[letterbox.Fitted]) -> list[Sequence[letterbox.Fitted]]:
        """Return pictures in the groups that are computed one after the other."""
        size = len(self.together.blob) if self.together else 1
        whole = len(pictures) // size * size
        groups = [pictures[at : at + size] for at in range(0, whole, size)]
        return groups + [pictures[at : at + 1] for at in range(whole, len(pictures))]

    def infer(self, group: Sequence[letterbox.Fitted]) -> Float32:
        """Return the heads of a group."""
        request = self.together if self.together and len(group) > 1 else self.alone
        return request.infer(group)


class Detector:
    """Find what a model knows in pictures, from as many threads at once as there are lanes.

    Parameters
    ----------
    model
        The export; its card was checked.
    lanes, threads
        Pictures computed side by side, and threads for each of them.
    together
        Pictures that a lane may compute in one go.

    Raises
    ------
    ModelError
        OpenVINO cannot read the export, or its shapes or its precision are not those of its card.
    """

    def __init__(self, model: Model, lanes: int = 1, threads: int = 1, together: int = 1) -> None:
        self.model = model
        self._lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for _ in range(lanes):
            self._lanes.put(open_lane(model, threads, together))

    def fit(self, image: Image) -> letterbox.Fitted:
        """Resize a picture to the model's scale."""
        return letterbox.fit(image, self.model.input_size)

    def detect(self, image: Image, floor: float = 0.25) -> Findings:
        """Return the findings of a picture with scores above ``floor``, best first, in its own pixels."""
        return self.detect_fitted([self.fit(image)], floor)[0]

    def detect_fitted(self, pictures: Sequence[letterbox.Fitted], floor: float) -> list[Findings]:
        """Return the findings of each of some pictures that were brought to the model's scale.

        Raises
        ------
        ModelError
            The model's answer to one of them is no number: nothing may be said of the part.
        """
        lane = self._lanes.get()
        try:
            return [
                self._found(fitted, head, floor)
                for group in lane.groups(pictures)
                for fitted, head in zip(group, lane.infer(group), strict=True)
            ]
        finally:
            self._lanes.put(lane)

    def _found(self, fitted: letterbox.Fitted, head: Float32, floor: float) -> Findings:
        boxes, labels, scores = self._chosen(head, floor)
        return Findings(self.model.classes, fitted.back(boxes), labels, scores)

    def _chosen(self, head: Float32, floor: float) -> tuple[Float32, Int32, Float32]:
        """Return boxes, classes and scores above ``floor``, best first, of what a picture's head holds."""
        return sort(head, floor, len(self.model.classes)) if self.model.end_to_end else choose(head, floor)


def open_lane(model: Model, threads: int, together: int = 1) -> Lane:
    """Return what a thread computes with, for so many pictures together if that gives the same bits here."""
    alone = open_request(model, threads)
    if together == 1:
        return Lane(alone)
    try:
        several = open_request(model, threads, together)
        if alike(alone, several):
            return Lane(alone, several)
        why = "together they give other bits"
    except (ModelError, RuntimeError):
        why = "it takes one at a time"
    logger.info("pictures_computed_one_by_one", model=model.name, reason=why)
    return Lane(alone)


def open_request(model: Model, threads: int, pictures: int = 1) -> Request:
    """Compile an export for this CPU, pinned to f32 and to threads; it reads and fills arrays of ours.

    What is quantised in a declared INT8 export stays in INT8: the pin forbids that anything else is rounded.
    """
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": str(threads),
        "ENABLE_CPU_PINNING": "NO",
    }
    graph, side = network.read(model), model.input_size
    try:
        graph = network.settle(graph, side)
        network.check(graph, model)
        if pictures > 1:
            graph.reshape([pictures, 3, side, side])
        compiled = ov.Core().compile_model(graph, "CPU", settings)
    except RuntimeError as exc:
        raise ModelError(f"OpenVINO cannot read the model in {model.folder}; export it anew.") from exc
    blob = np.zeros((pictures, 3, side, side), np.float32)
    heads = np.zeros(tuple(compiled.output(0).shape), np.float32)
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(blob, shared_memory=True))
    request.set_output_tensor(ov.Tensor(heads, shared_memory=True))
    return Request(request, blob, heads)


def alike(alone: Request, together: Request) -> bool:
    """Say whether pictures computed together give the bits that each gives alone, by a try with noise."""
    together.blob[:] = np.random.default_rng(1).random(together.blob.shape, np.float32)
    together.compiled.infer(share_outputs=True)
    if together.heads.shape != (len(together.blob), *alone.heads.shape[1:]):
        return False
    for blob, head in zip(together.blob, together.heads, strict=True):
        alone.blob[0] = blob
        alone.compiled.infer(share_outputs=True)
        if alone.heads[0].tobytes() != head.tobytes():
            return False
    return True


def check_numbers(answer: Float32) -> None:
    """Refuse an answer in which something is infinite or no number.

    Raises
    ------
    ModelError
        It is.
    """
    if not np.isfinite(answer.sum()):
        raise ModelError("The model answers with what is no number; export it anew, or take another.")


def choose(output: Float32, floor: float) -> tuple[Float32, Int32, Float32]:
    """Turn a YOLO head's output (4 + classes, n) into findings, best first.

    Returns boxes (k, 4) of the model's square, classes and scores above ``floor``; of boxes of one
    class that overlap by more than `OVERLAP` only the best, at most `MOST`.
    """
    size = output.shape[1]
    boxes, labels, scores = (
        np.empty((size, 4), np.float32),
        np.empty(size, np.int32),
        np.empty(size, np.float32),
    )
    count = min(kernel.select(output, floor, OVERLAP, boxes, labels, scores), MOST)
    return boxes[:count], labels[:count], scores[:count]


def sort(output: Float32, floor: float, classes: int) -> tuple[Float32, Int32, Float32]:
    """Turn what an end-to-end head answers (n, 6), corners, score and class, into findings, best first.

    Nothing is suppressed: it was taught to say a thing once.

    Raises
    ------
    ModelError
        It names a class that there is not.
    """
    above = output[output[:, 4] > np.float32(floor)]
    found = above[np.argsort(-above[:, 4], kind="stable")][:MOST]
    labels = found[:, 5].astype(np.int32)
    if ((labels < 0) | (labels >= classes)).any():
        raise ModelError("The model answers with a class that it does not name; export it anew.")
    return np.ascontiguousarray(found[:, :4]), labels, np.ascontiguousarray(found[:, 4])
