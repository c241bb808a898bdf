"""How frames ended whose entries a full log dropped: the ledger closes over that, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from streams.clock import HOUR
from streams.log.abc import Entry, Kind
from vision.ledger import DROPPED
from vision.records import FrameLoss, Verdict

REASON = "log_full"
OLDEST = 23 * HOUR
"""How old a time may be said to be; one of a day before its entry is believed by nobody."""

T = TypeVar("T")


def told(framed: Sequence[Entry], stamp: int) -> list[bytes]:
    """Return what the ledger needs, as payloads of kind FRAMES.

    Frames of lost verdicts become dropped ones, reason `log_full`; what was told of other frames is told
    again. Frames that follow each other and ended alike are told together.
    """
    losses = sorted([*_inspected(framed), *_losses(framed)], key=lambda loss: (_place(loss), loss.first))
    return [replace(loss, ts=max(loss.ts, stamp - OLDEST)).to_json() for loss in _joined(losses)]


def _inspected(framed: Iterable[Entry]) -> Iterator[FrameLoss]:
    for entry in framed:
        if entry.kind == Kind.VERDICT and (verdict := _read(Verdict.from_json, entry)) is not None:
            for view in verdict.views:
                place = (verdict.station, view.camera, view.view, view.run)
                yield FrameLoss(*place, view.sequence, view.sequence, view.ts, DROPPED, REASON)


def _losses(framed: Iterable[Entry]) -> Iterator[FrameLoss]:
    for entry in framed:
        if entry.kind == Kind.FRAMES and (loss := _read(FrameLoss.from_json, entry)) is not None:
            yield loss


def _read(read: Callable[[bytes], T], entry: Entry) -> T | None:
    """Read an entry, None where nobody can: the count of what was lost has it."""
    try:
        return read(entry.payload)
    except (ValueError, TypeError, AttributeError, LookupError):
        return None


def _joined(losses: Iterable[FrameLoss]) -> Iterator[FrameLoss]:
    so_far: FrameLoss | None = None
    for loss in losses:
        if so_far is not None and _follows(so_far, loss):
            so_far = replace(so_far, last=loss.last, ts=max(so_far.ts, loss.ts), serial="", frame_hash="")
            continue
        if so_far is not None:
            yield so_far
        so_far = loss
    if so_far is not None:
        yield so_far


def _follows(loss: FrameLoss, other: FrameLoss) -> bool:
    counted = not loss.since and not other.since and other.frames > 0
    alike = _place(loss) == _place(other) and (loss.outcome, loss.reason) == (other.outcome, other.reason)
    return counted and alike and other.first == loss.last + 1


def _place(loss: FrameLoss) -> tuple[str, str, str, str]:
    return loss.station, loss.camera, loss.view, loss.run
