"""What kinds of heads networks have: how they say where something is, and what.

Each answers in one of two ways that a station reads, or in another that `vision.answers` brings into one:

- ``boxes``: (1, 4 + classes, n), middle and size in pixels of the square, and a score of each class. YOLO
  answers so, and of those that overlap the station keeps the best.
- ``findings``: (1, n, 6), corners, score and class. YOLO answers so end to end: nothing is left to suppress.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

BOXES, FINDINGS = "boxes", "findings"
SUPPRESSED = "suppressed"
"""Findings that a suppression left of boxes, which was exported with the network."""
QUERIES = "queries"
"""RT-DETR's (1, n, 6): middle and size as shares of the picture, score and class."""
SCORED = "scored queries"
"""The same as Ultralytics exported it before: (1, n, 4 + classes), with a score of each class."""
KINDS = (BOXES, FINDINGS, SUPPRESSED, QUERIES, SCORED)
PLACE = 4
"""Numbers that say where something is."""
ROW = 6
"""Numbers of a finding: its corners, score and class."""


@dataclass(frozen=True, slots=True)
class Head:
    """How a network answers, as its card tells it."""

    kind: str = BOXES
    more: int = 0
    """Numbers behind those of a box that nobody reads here: of its mask, or of key points."""
    turned: bool = False
    """Whether boxes are turned: the last number of each is its angle in radians."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.more < 0:
            raise ValueError(f"no network answers like {self}")

    @property
    def end_to_end(self) -> bool:
        """Whether nothing is left to suppress."""
        return self.kind in (FINDINGS, QUERIES, SCORED)

    @property
    def stretched(self) -> bool:
        """Whether it was taught pictures that were stretched to a square, as RT-DETR is."""
        return self.kind in (QUERIES, SCORED)

    @property
    def unsuppressed(self) -> Head:
        """How the network answers without what suppresses boxes in it."""
        return replace(self, kind=BOXES) if self.kind == SUPPRESSED else self

    @property
    def axis(self) -> int:
        """Of an answer, along which the numbers of a box or finding lie."""
        return 1 if self.kind == BOXES else 2

    def shape(self, classes: int) -> list[int]:
        """Return the shape of an answer, -1 for as many boxes or findings as there are."""
        read = PLACE + classes if self.kind in (BOXES, SCORED) else ROW
        columns = read + self.more + self.turned
        return [1, columns, -1] if self.axis == 1 else [1, -1, columns]


YOLO, END_TO_END = Head(), Head(FINDINGS)
"""Those whose answers are read as they are."""
