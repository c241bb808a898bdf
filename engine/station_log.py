"""What a station says to the log: that it works, its verdicts, and what became of all other frames."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from engine.station_drift import Drifted
from streams import records
from streams.log.abc import Kind, Producer
from vision.cameras import Run
from vision.ledger import DROPPED, INSPECTED, Ledger
from vision.pipeline import Job
from vision.records import Frame, FrameLoss, Missed, Verdict
from vision.unjudged import NOT_INSPECTED

RECENT = 64
"""Verdicts that the rate is taken over."""


class StationLog:
    """Append what one station says and count it.

    Parameters
    ----------
    station
        The station's name; it is a machine of this name too.
    producer
        Connection to the log.
    ledger
        Told how every frame ended, once that is appended.
    now
        The plant's clock, microseconds UTC.
    """

    def __init__(self, station: str, producer: Producer, ledger: Ledger, now: Callable[[], int]) -> None:
        self.station = station
        self.last: Verdict | None = None
        self._producer = producer
        self._ledger = ledger
        self._now = now
        self._counts: Counter[str] = Counter()
        self._sent = 0
        self._recent: deque[float] = deque(maxlen=RECENT)

    @property
    def sent(self) -> int:
        """Return the number of the last entry that was handed to the log."""
        return self._sent

    @property
    def acknowledged(self) -> int:
        """Return the number up to which all entries are on the log's disk."""
        return self._producer.acknowledged()

    def flush(self, timeout: float) -> bool:
        """Wait until the log has all that was said; False when the time ran out."""
        return self._producer.flush(timeout)

    def counts(self) -> dict[str, int]:
        """Return the number of verdicts by outcome."""
        return dict(self._counts)

    def rate(self) -> float:
        """Return verdicts a second, over the latest ones up to now."""
        times = [*self._recent, time.monotonic()]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0

    def report(self, **tags: str) -> None:
        """Append readings of the station as a machine, by tag."""
        size = len(tags)
        batch = records.Readings.texts(
            [self.station] * size, list(tags), [self._now()] * size, list(tags.values())
        )
        self._send(Kind.READINGS, records.encode(batch.to_arrow()))

    def deliver(self, jobs: Sequence[Job]) -> None:
        """Append what is said of finished jobs, in order; their evidence is on disk."""
        for judged, group in groupby(jobs, key=lambda job: job.verdict is not None):
            if judged:
                self._send_verdicts(group)
            else:
                self._send_losses(group)

    def say(self, losses: Iterable[FrameLoss]) -> None:
        """Append what became of frames that the ledger does not know: those of a former run."""
        for loss in losses:
            self._send(Kind.FRAMES, loss.to_json())

    def drifted(self, windows: Iterable[Drifted]) -> None:
        """Append how far what is seen is from what was seen at first."""
        for told in windows:
            self._send(Kind.DRIFT, told.to_json())

    def release(self, event: bytes) -> int:
        """Append what happened to the station's release and return its number."""
        self._send(Kind.RELEASE, event)
        return self._sent

    def _send(self, kind: Kind, payload: bytes) -> None:
        self._sent = self._producer.send(kind, payload)

    def _send_losses(self, jobs: Iterable[Job]) -> None:
        losses = [loss for job in jobs for loss in self._losses(job)]
        self.say(merge(losses))
        for loss in losses:
            if loss.frames:
                self._ledger.ended(loss.camera, loss.run, loss.first, loss.last, loss.outcome)

    def _losses(self, job: Job) -> Iterable[FrameLoss]:
        if job.part is None:
            return job.losses
        return [loss_of(self.station, frame, DROPPED, job.reason) for frame in job.part.frames]

    def _send_verdicts(self, jobs: Iterable[Job]) -> None:
        for verdict in (job.verdict for job in jobs if job.verdict):
            self._send(Kind.VERDICT, verdict.to_json())
            for view in verdict.views:
                end = DROPPED if view.rejected in NOT_INSPECTED else INSPECTED
                self._ledger.ended(view.camera, view.run, view.sequence, view.sequence, end)
            self._counts[verdict.outcome.value] += 1
            self._recent.append(time.monotonic())
            self.last = verdict


def loss_of(station: str, frame: Frame, outcome: str, reason: str) -> FrameLoss:
    """Return the loss of one frame."""
    place = (station, frame.camera, frame.view, frame.run, frame.sequence, frame.sequence)
    return FrameLoss(*place, frame.ts, outcome, reason, frame.serial)


def loss_of_missed(station: str, run: Run, missed: Missed, ts: int) -> FrameLoss:
    """Return the loss of frames that never came, as it is known at ``ts``."""
    place = (station, run.camera, run.view, run.name, missed.first, missed.last)
    return FrameLoss(*place, ts, DROPPED, missed.reason, since=missed.since)


def merge(losses: Iterable[FrameLoss]) -> list[FrameLoss]:
    """Make one of losses that follow each other, of one run and for one reason."""
    merged: list[FrameLoss] = []
    for loss in losses:
        before = merged[-1] if merged else None
        if before and same_cause(before, loss):
            merged[-1] = replace(before, last=loss.last, serial="")
        else:
            merged.append(loss)
    return merged


def same_cause(before: FrameLoss, after: FrameLoss) -> bool:
    """Say whether ``after`` goes on where ``before`` ends, and both are known by number."""
    names = ("camera", "view", "run", "outcome", "reason")
    if not before.frames or not after.frames:
        return False
    return after.first == before.last + 1 and all(
        getattr(before, name) == getattr(after, name) for name in names
    )
