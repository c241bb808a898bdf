"""From frames to parts: the views of one serial meet here, or their time is up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from vision.cameras.zeromq import BAD_METADATA
from vision.ledger import LATE, UNMATCHED
from vision.records import Frame

T = TypeVar("T")

ROOM = 512 << 20
"""Bytes of frames that may wait for others; beyond them the oldest parts go without their missing views."""
REMEMBERED = 10_000
"""Serials whose attempts and missing views are remembered."""


@dataclass(frozen=True, slots=True)
class Part:
    """Frames to be judged together."""

    serial: str
    attempt: int
    frames: tuple[Frame, ...]

    @property
    def nbytes(self) -> int:
        """Return the memory that its pictures take."""
        return sum(frame.nbytes for frame in self.frames)


@dataclass(frozen=True, slots=True)
class Stray:
    """A frame that belongs to no part which could still be judged."""

    frame: Frame
    outcome: str
    reason: str


class Assembly:
    """Bring the required views of a part together.

    Parameters
    ----------
    views
        Views that every part must have; empty: each frame is a part of its own.
    patience
        Seconds that a part waits for its views from its first frame on; then it goes without them. One of
        these that is taken, or where no camera says when, comes within as many seconds more is late; after
        that it is of the serial's next attempt.
    """

    def __init__(self, views: Sequence[str] = (), patience: float = 5.0) -> None:
        self._views = tuple(views)
        self._patience = patience
        self._waiting = 0
        self._open: OrderedDict[str, tuple[float, dict[str, Frame]]] = OrderedDict()
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._missed: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    def add(self, frame: Frame, now: float) -> Part | Stray | None:
        """Take a frame; return the part that it completes, or the frame when it fits nowhere."""
        if not self._views:
            return self._part(frame.serial, (frame,))
        if reason := self._misfit(frame):
            return Stray(frame, UNMATCHED, reason)
        if self._is_late(frame, now):
            return Stray(frame, LATE, "part_already_judged")
        _, frames = self._open.setdefault(frame.serial, (now + self._patience, {}))
        frames[frame.view] = frame
        self._waiting += frame.nbytes
        return self._close(frame.serial) if len(frames) == len(self._views) else None

    def expire(self, now: float) -> list[Part]:
        """Return the parts whose time is up, with the views they have."""
        ripe = [serial for serial, (due, _) in self._open.items() if due <= now]
        return [self._close(serial) for serial in ripe]

    def overflow(self) -> list[Part]:
        """Return the oldest parts, with the views they have, until the others fit into `ROOM`."""
        crowded = []
        while self._waiting > ROOM:
            crowded.append(self._close(next(iter(self._open))))
        return crowded

    def finish(self) -> list[Part]:
        """Return every part that still waits."""
        return [self._close(serial) for serial in list(self._open)]

    def _misfit(self, frame: Frame) -> str:
        if frame.defect == BAD_METADATA:
            return BAD_METADATA
        if frame.view not in self._views:
            return "view_not_required"
        return "view_twice" if frame.view in self._open.get(frame.serial, (0.0, {}))[1] else ""

    def _is_late(self, frame: Frame, now: float) -> bool:
        """Whether a view may be the one that the attempt before this one went without."""
        until, missing = self._missed.get(frame.serial, (0.0, frozenset()))
        taken = now if frame.taken is None else min(frame.taken, now)
        return frame.view in missing and taken < until

    def _close(self, serial: str) -> Part:
        due, frames = self._open.pop(serial)
        missing = frozenset(self._views) - frames.keys()
        remember(self._missed, serial, (due + self._patience, missing))
        part = self._part(serial, tuple(frames[view] for view in self._views if view in frames))
        self._waiting -= part.nbytes
        return part

    def _part(self, serial: str, frames: tuple[Frame, ...]) -> Part:
        attempt = self._attempts.get(serial, 0) + 1
        remember(self._attempts, serial, attempt)
        return Part(serial, attempt, frames)


def remember(store: OrderedDict[str, T], serial: str, value: T) -> None:
    """Put the newest entry last and forget the oldest beyond `REMEMBERED`."""
    store[serial] = value
    store.move_to_end(serial)
    if len(store) > REMEMBERED:
        store.popitem(last=False)
