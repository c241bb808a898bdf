"""What travels through inspection: frames, findings, verdicts and the loss of frames.

Times are int64 microseconds since 1970 UTC (the camera's capture time). Boxes are pixels of the
frame as captured. Everything that leaves a station has a JSON form; pixels never leave it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Image = NDArray[np.uint8]


class Outcome(StrEnum):
    """What is said of a part."""

    OK = "OK"
    NG = "NG"
    REVIEW = "REVIEW"


@dataclass(frozen=True, slots=True)
class Missed:
    """Frames ``first`` to ``last`` of a run that the camera took and that never came.

    Where nobody knows how many there were, ``last`` is one less than ``first``. They were missed after
    ``since``, 0 where nothing came before.
    """

    first: int
    last: int
    since: int
    reason: str

    @property
    def frames(self) -> int:
        """Return their number, 0 where it is unknown."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a part is, besides its serial: what PLC and cameras said of it; empty where they did not."""

    serial_source: str = ""
    """Who told the serial: camera, plc, scanner, datamatrix or station; empty: nobody was asked."""
    order: str = ""
    fixture: str = ""
    operator: str = ""

    @classmethod
    def first(cls, *told: Self) -> Self:
        """Return of each word what the first says that says something."""
        return cls(
            next((item.serial_source for item in told if item.serial_source), ""),
            next((item.order for item in told if item.order), ""),
            next((item.fixture for item in told if item.fixture), ""),
            next((item.operator for item in told if item.operator), ""),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a camera, with the exact bytes it came as.

    ``image`` is (height, width, 3) uint8 in BGR order, or None: where ``defect`` is empty nobody has
    decoded ``encoded`` yet, else it cannot be read and ``defect`` says why. ``sequence`` counts every
    frame of a ``run`` of the camera, from 1; ``before`` tells of those that were missed just before it.
    """

    camera: str
    view: str
    run: str
    sequence: int
    ts: int
    encoded: bytes
    image: Image | None
    serial: str
    defect: str = ""
    before: tuple[Missed, ...] = ()
    repeated: bool = False
    """Whether it shows the part before, though another lies there: the picture froze."""
    vouched: bool = False
    """Whether the sender itself named the part; else the serial is only the picture's own name."""
    taken: float | None = None
    """When it was here at the earliest had it come as quickly as others, monotonic seconds; None: unknown."""
    identity: Identity = Identity()
    """What its sender says of the part."""

    @property
    def nbytes(self) -> int:
        """Return the memory that it takes."""
        return len(self.encoded) + (0 if self.image is None else self.image.nbytes)


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Detections of one frame as columns: ``boxes`` (n, 4) x0 y0 x1 y1, ``labels`` and ``scores`` (n,)."""

    classes: tuple[str, ...]
    boxes: Float32
    labels: Int32
    scores: Float32

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def empty(cls, classes: tuple[str, ...] = ()) -> Self:
        """Return no findings."""
        return cls(classes, np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Finding:
    """One imperfection or feature in its JSON form; ``iso6520`` is empty where the class is none."""

    label: str
    score: float
    box: tuple[float, float, float, float]
    iso6520: str = ""
    length_mm: float | None = None
    """Longer side of the box; None where the view has no calibration."""
    area_mm2: float | None = None
    on_seam: bool | None = None
    """Whether its middle lies on the seam; None where no seam was found."""
    rule: str = ""
    """The rule that decided on it; empty for a feature."""
    judged: str = ""
    """``feature``, ``faint``, ``accepted``, ``review`` or ``reject``."""


@dataclass(frozen=True, slots=True)
class View:
    """What one frame contributed to a verdict; ``frame_hash`` is the SHA-256 of the bytes inspected."""

    camera: str
    view: str
    run: str
    sequence: int
    ts: int
    frame_hash: str
    width: int
    height: int
    quality: dict[str, float]
    findings: tuple[Finding, ...]
    rejected: str = ""
    """Why the quality gate refused the frame; empty when it passed."""
    seam: tuple[float, float, float, float] | None = None
    """Where the seam is, a box of the frame; None where none was found."""
    mm_per_pixel: float | None = None
    """The recipe's calibration of this view."""


@dataclass(frozen=True, slots=True)
class Versions:
    """SHA-256 of everything besides the frame that a verdict depends on."""

    model: str
    preprocessing: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What decided a verdict: which rule, which finding of which view, by which measure."""

    rule: str = ""
    """A rule of the rule set; ``quality gate``, ``views``, ``recipe``, ``release``, ``bypass``.

    Empty for a verdict of before decisions were told."""
    rule_set: str = ""
    """Name and version of the rule set."""
    process: str = ""
    standard: str = ""
    view: str = ""
    """Empty where no single view decided."""
    finding: int | None = None
    """Its place among the view's findings, from 0; None where none decided."""
    measure: str = ""
    """``score``, ``length_mm``, ``area_mm2``, ``depth_mm`` or ``count``."""
    value: float | None = None
    bound: float | None = None
    """From where on the rule asks for this verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a station says of one part, with all that it rests on."""

    station: str
    serial: str
    part_number: str
    attempt: int
    ts: int
    outcome: Outcome
    reason: str
    versions: Versions
    views: tuple[View, ...]
    decision: Decision = Decision()
    recipe: str = ""
    """Name and version of the recipe."""
    purpose: str = ""
    """``master`` for a master part, which counts nowhere; empty for a part of production."""
    identity: Identity = Identity()
    answer: str = ""
    """What the line was told, which may be another word; empty where no line asks."""
    release: int = 0
    """Number of the newest event of its station's release when it was judged; 0: nobody told."""

    def to_json(self) -> bytes:
        """Return the form that is logged; the same verdict always gives the same bytes."""
        return to_json(self)

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Read the logged form.

        Raises
        ------
        ValueError
            The bytes are not a verdict.
        """
        try:
            fields: dict[str, Any] = json.loads(payload)
            views = tuple(_view(item) for item in fields.pop("views"))
            outcome, versions = Outcome(fields.pop("outcome")), Versions(**fields.pop("versions"))
            fields["decision"] = Decision(**fields.pop("decision", {}))
            fields["identity"] = Identity(**fields.pop("identity", {}))
            return cls(**fields, outcome=outcome, versions=versions, views=views)
        except (KeyError, TypeError) as exc:
            raise ValueError(f"the bytes are not a verdict: {exc}") from exc


@dataclass(frozen=True, slots=True)
class FrameLoss:
    """Frames ``first`` to ``last`` of a camera's run that were not inspected, and why.

    An unknown number of frames has a ``last`` one less than ``first``: it counts as none, and says from
    when (``since``) to when (``ts``) they were missed.
    """

    station: str
    camera: str
    view: str
    run: str
    first: int
    last: int
    ts: int
    outcome: str
    """``dropped``, ``late`` or ``unmatched``."""
    reason: str
    serial: str = ""
    frame_hash: str = field(default="")
    since: int = 0
    """Time of the camera's frame before them, 0 where there was none or they came."""

    @property
    def frames(self) -> int:
        """Return how many frames it accounts for."""
        return self.last - self.first + 1

    def to_json(self) -> bytes:
        """Return the form that is logged."""
        return to_json(self)

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Read the logged form.

        Raises
        ------
        ValueError
            The bytes are not a frame loss.
        """
        try:
            return cls(**json.loads(payload))
        except TypeError as exc:
            raise ValueError(f"the bytes are not a frame loss: {exc}") from exc


def to_json(record: Verdict | FrameLoss) -> bytes:
    """Return a record as canonical JSON: fields in their order, keys of mappings sorted, no spaces."""
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def _view(item: dict[str, Any]) -> View:
    findings = tuple(Finding(**(found | {"box": tuple(found["box"])})) for found in item.pop("findings"))
    seam = item.pop("seam", None)
    return View(**item, findings=findings, seam=tuple(seam) if seam else None)
