"""Detection with an exported YOLO: OpenVINO on the CPU, pinned to its precision and to a number of threads.

The same picture and model give the same findings, bit for bit, however many pictures are looked at
at once: each goes through one lane of fixed threads. A lane of one thread computes in the thread that
asks, so a picture stays in that core's cache from its bytes to its findings.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov

from kernels import boxes as kernel
from vision import letterbox, network
from vision.records import Findings, Float32, Image, Int32
from vision.registry import Model, ModelError

OVERLAP = 0.7
"""Boxes of one class that overlap by more (intersection over union) are one finding."""
MOST = 300
"""Findings of one picture at the most."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One request with the input (1, 3, side, side) it reads and the head it fills.

    The head is (4 + classes, n), to be decoded by `choose`; of a model that is end to end (n, 6), by `sort`.
    """

    request: Any
    blob: Float32
    head: Float32


class Detector:
    """Find what a model knows in pictures, from as many threads at once as there are lanes.

    Parameters
    ----------
    model
        The export; its card was checked.
    lanes, threads
        Pictures computed at once, and threads for each of them.

    Raises
    ------
    ModelError
        OpenVINO cannot read the export, or its shapes or its precision are not those of its card.
    """

    def __init__(self, model: Model, lanes: int = 1, threads: int = 1) -> None:
        self.model = model
        self._lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for _ in range(lanes):
            self._lanes.put(open_lane(model, threads))

    def fit(self, image: Image) -> letterbox.Fitted:
        """Resize a picture to the model's scale."""
        return letterbox.fit(image, self.model.input_size)

    def detect(self, image: Image, floor: float = 0.25) -> Findings:
        """Return the findings of a picture with scores above ``floor``, best first, in its own pixels."""
        return self.detect_fitted(self.fit(image), floor)

    def detect_fitted(self, fitted: letterbox.Fitted, floor: float) -> Findings:
        """Return the findings of a picture that was brought to the model's scale.

        Raises
        ------
        ModelError
            The model's answer is no number: nothing may be said of the part.
        """
        lane = self._lanes.get()
        try:
            letterbox.fill(fitted, lane.blob[0])
            lane.request.infer(share_outputs=True)
            check_numbers(lane.head)
            boxes, labels, scores = self._chosen(lane.head, floor)
        finally:
            self._lanes.put(lane)
        return Findings(self.model.classes, fitted.back(boxes), labels, scores)

    def _chosen(self, head: Float32, floor: float) -> tuple[Float32, Int32, Float32]:
        """Return boxes, classes and scores above ``floor``, best first, of what a lane's head holds."""
        return sort(head, floor, len(self.model.classes)) if self.model.end_to_end else choose(head, floor)


def open_lane(model: Model, threads: int) -> Lane:
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
        compiled = ov.Core().compile_model(graph, "CPU", settings)
    except RuntimeError as exc:
        raise ModelError(f"OpenVINO cannot read the model in {model.folder}; export it anew.") from exc
    blob = np.zeros((1, 3, side, side), np.float32)
    head = np.zeros(tuple(compiled.output(0).shape), np.float32)
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(blob, shared_memory=True))
    request.set_output_tensor(ov.Tensor(head, shared_memory=True))
    return Lane(request, blob, head[0])


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
