"""Detection with an exported YOLO: OpenVINO on the CPU, pinned to its precision and to a number of threads.

The same picture and model give the same findings, bit for bit, however many pictures are looked at
at once: each goes through one lane of fixed threads. A lane of one thread computes in the thread that
asks, so a picture stays in that core's cache from its bytes to its findings. Pictures that wait anyway
are computed together, since the model's weights are then fetched once for all of them; that this gives the
bits that each alone would have given is tried when a detector opens, and where it does not, it is not done.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
import structlog

from kernels import boxes as kernel
from vision import answers, entry, letterbox, network, tail
from vision.records import Findings, Float32, Image, Int32
from vision.registry import Model, ModelError

logger = structlog.get_logger(__name__)

OVERLAP = 0.7
"""Boxes of one class that overlap by more (intersection over union) are one finding."""
MOST = 300
"""Findings of one picture at the most."""
TOGETHER = 2
"""Pictures computed together: more gain little or lose, for the caches, and each waits for the last."""


Answer = tuple[Float32, ...]
"""What a network answers to one picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A compiled network with the input (pictures, height, width, 3) it reads and the answers it fills.

    Of a network that was cut before its tail these are six maps, of which `tail.decode` makes a head, of any
    other its heads: a picture's is (4 + classes, n), to be decoded by `choose`; of a model that is end to end
    (n, 6), by `sort`.
    """

    compiled: Any
    blob: Float32 | Image
    answers: tuple[Float32, ...]

    @property
    def heads(self) -> Float32:
        """The answer of a network that was not cut."""
        return self.answers[0]

    @property
    def decodes(self) -> bool:
        """Whether boxes and scores are made of the answers here, not by the network."""
        return len(self.answers) > 1

    def infer(self, pictures: Sequence[letterbox.Fitted]) -> list[Answer]:
        """Return the answers to as many pictures as the request takes, to be read before the next.

        Raises
        ------
        ModelError
            One of them is no number: nothing may be said of the part.
        """
        for fitted, square in zip(pictures, self.blob, strict=True):
            letterbox.lay(fitted, square)
        self.compiled.infer(share_outputs=True)
        for answer in self.answers:
            check_numbers(answer)
        return list(zip(*self.answers, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """What one thread computes with: a picture alone, or several together where that gives the same bits."""

    alone: Request
    together: Request | None = None
    why_alone: str = ""
    """What keeps pictures from being computed together."""

    def groups(self, pictures: Sequence[letterbox.Fitted]) -> list[Sequence[letterbox.Fitted]]:
        """Return pictures in the groups that are computed one after the other."""
        size = len(self.together.blob) if self.together else 1
        whole = len(pictures) // size * size
        groups = [pictures[at : at + size] for at in range(0, whole, size)]
        return groups + [pictures[at : at + 1] for at in range(whole, len(pictures))]

    def infer(self, group: Sequence[letterbox.Fitted]) -> list[Answer]:
        """Return the answers to a group."""
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
        graph = read_network(model)
        with refused(model):
            for _ in range(lanes):
                lane = open_lane(graph, threads, together)
                self._lanes.put(lane)
        self.decodes = lane.alone.decodes
        if lane.why_alone:
            logger.info("pictures_computed_one_by_one", model=model.name, reason=lane.why_alone)

    def fit(self, image: Image) -> letterbox.Fitted:
        """Resize a picture to the model's scale."""
        return letterbox.onto(image, self.model.canvas)

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
                self._found(fitted, answer, floor)
                for group in lane.groups(pictures)
                for fitted, answer in zip(group, lane.infer(group), strict=True)
            ]
        finally:
            self._lanes.put(lane)

    def _found(self, fitted: letterbox.Fitted, answer: Answer, floor: float) -> Findings:
        boxes, labels, scores = self._chosen(answer, floor)
        return Findings(self.model.classes, fitted.back(boxes), labels, scores)

    def _chosen(self, answer: Answer, floor: float) -> tuple[Float32, Int32, Float32]:
        """Return boxes, classes and scores above ``floor``, best first, of the answer to a picture."""
        if self.model.head.end_to_end:
            return sort(answer[0], floor, len(self.model.classes))
        return choose(tail.decode(answer, floor) if self.decodes else answer[0], floor)


@contextmanager
def refused(model: Model) -> Iterator[None]:
    """Raise what OpenVINO says over a model as a `ModelError`."""
    try:
        yield
    except RuntimeError as exc:
        raise ModelError(f"OpenVINO cannot read the model in {model.folder}; export it anew.") from exc


def read_network(model: Model, whole: bool = False) -> ov.Model:
    """Return the network of a model as a station computes it, for one picture (1, height, width, 3).

    A ``whole`` one takes planes (1, 3, height, width) and answers with a head, as it was exported.

    Raises
    ------
    ModelError
        OpenVINO cannot read it, or its shapes or its precision are not those of its card.
    """
    graph = network.read(model)
    with refused(model):
        graph = network.settle(graph, model.canvas)
        network.check(graph, model)
        graph = answers.read(graph, model.head, len(model.classes))
        graph = entry.in_colour(graph) if model.grey else graph
        return graph if whole else trim(graph, model)


def open_lane(graph: ov.Model, threads: int, together: int = 1) -> Lane:
    """Return what a thread computes with, for so many pictures together if that gives the same bits here."""
    alone = open_request(graph, threads)
    if together == 1:
        return Lane(alone)
    try:
        several = open_request(graph, threads, together)
        if alike(alone, several):
            return Lane(alone, several)
        return Lane(alone, why_alone="together they give other bits")
    except RuntimeError:
        return Lane(alone, why_alone="it takes one at a time")


def open_request(graph: ov.Model, threads: int, pictures: int = 1) -> Request:
    """Compile a network for this CPU, pinned to its precision and threads; it fills arrays of ours."""
    if pictures > 1:
        graph = graph.clone()
        graph.reshape([pictures, *list(graph.input(0).shape)[1:]])
    compiled = network.compiled(graph, threads)
    blob, *answers = (
        np.zeros(tuple(end.shape), end.get_element_type().to_dtype())
        for end in (compiled.input(0), *compiled.outputs)
    )
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(blob, shared_memory=True))
    for index, answer in enumerate(answers):
        request.set_output_tensor(index, ov.Tensor(answer, shared_memory=True))
    return Request(request, blob, tuple(answers))


def trim(graph: ov.Model, model: Model) -> ov.Model:
    """Return a network without what a station does better itself, at both its ends."""
    cut = None if model.head.end_to_end else tail.cut(graph, len(model.classes))
    return entry.interleave(cut or graph)


def alike(alone: Request, together: Request) -> bool:
    """Say whether pictures computed together give the bits that each gives alone, by a try with noise."""
    noise = np.random.default_rng(1).integers(0, 256, together.blob.shape, np.uint8)
    together.blob[:] = noise if together.blob.dtype == np.uint8 else noise / np.float32(255)
    together.compiled.infer(share_outputs=True)
    shapes = [(len(together.blob), *answer.shape[1:]) for answer in alone.answers]
    if [answer.shape for answer in together.answers] != shapes:
        return False
    for blob, *answer in zip(together.blob, *together.answers, strict=True):
        alone.blob[0] = blob
        alone.compiled.infer(share_outputs=True)
        if [each[0].tobytes() for each in alone.answers] != [each.tobytes() for each in answer]:
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
