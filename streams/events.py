"""What a line tells others of itself: the whole set, each event a row of ``outbox``.

Every payload carries ``version``, raised when a field changes its meaning or goes; fields may be added.
Times in it are ISO 8601 in UTC. The key of an event follows from what happened alone: a replay of the
log gives the same keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import orjson

from streams.calendar import EPOCH, Span
from streams.catalog import EventRule
from streams.oee import Losses, ratios
from streams.records import Rows, Text

VERSION = 1


class Event(NamedTuple):
    """What happened on a machine, at an event time; ``mark`` tells it from others of its kind."""

    kind: str
    machine: str
    at: int
    mark: str
    says: dict[str, Any]

    @property
    def key(self) -> str:
        """Return its idempotency key, plain ASCII, the same over all replays."""
        return f"{self.kind}:{quote(self.machine, safe='')}:{self.mark}"

    @property
    def payload(self) -> str:
        """Return what is told, as JSON in which a number that is none is null."""
        told = {"version": VERSION, "kind": self.kind, "machine": self.machine, "at": written(self.at)}
        return orjson.dumps(told | self.says, option=orjson.OPT_SORT_KEYS).decode()


def machine_stopped(
    machine: str, at: int, since: int, reason: str, program: str | None, again: int = 0
) -> Event:
    """Return that a machine stands still for longer than it may; ``reason`` is its own word.

    ``again`` says how often this stop was told and withdrawn before.
    """
    says = {"since": written(since), "reason": reason, "program": program}
    return Event("machine_stopped", machine, at, _mark(since, again), says)


def stop_withdrawn(machine: str, at: int, since: int, again: int = 0) -> Event:
    """Return that a stop told as having begun at ``since`` had not lasted so long: it was over ``at``."""
    return Event("stop_withdrawn", machine, at, _mark(since, again), {"since": written(since)})


def _mark(since: int, again: int) -> str:
    return f"{since}-{again}" if again else str(since)


def alarm_began(
    machine: str, began: int, score: float, threshold: float, tag: str, share: float, again: int = 0
) -> Event:
    """Return that a machine's score is above its threshold; ``tag`` explains most of it, ``share`` of it.

    ``again`` says how often an alarm that began then was told and withdrawn before.
    """
    says = {"score": score, "threshold": threshold, "tag": tag, "share": share}
    return Event("alarm_began", machine, began, _mark(began, again), says)


def alarm_withdrawn(machine: str, began: int, again: int = 0) -> Event:
    """Return that no alarm began at ``began``, though one was told."""
    return Event("alarm_withdrawn", machine, began, _mark(began, again), {"began": written(began)})


def alarm_ended(machine: str, began: int, last: int, scores: int, peak: float, again: int = 0) -> Event:
    """Return that no score followed the alarm's last one above the threshold, at ``last``.

    ``again`` says how often an alarm that began then was said to have ended before: this replaces it.
    """
    says = {"began": written(began), "scores": scores, "peak": peak}
    return Event("alarm_ended", machine, last, _mark(began, again), says)


def shift_revised(
    machine: str, span: Span, version: int, losses: Losses, parts: tuple[int, int, int]
) -> Event:
    """Return what a closed shift's account says now; parts are good, rejected, under review."""
    good, reject, review = parts
    says = {
        "shift": span.name,
        "start": written(span.start),
        "end": written(span.end),
        "account": version,
        "good": good,
        "reject": reject,
        "review": review,
        **asdict(ratios(losses, good, sum(parts))),
    }
    return Event("shift_revised", machine, span.end, f"{span.start}:{version}", says)


def written(ts: int) -> str:
    """Write a time, microseconds since 1970, as ISO 8601.

    >>> written(1_700_049_600_000_000)
    '2023-11-15T12:00:00+00:00'
    """
    return (EPOCH + timedelta(microseconds=ts)).isoformat()


def rows(rule: EventRule, position: int, found: Sequence[Event]) -> Rows:
    """Return rows of ``outbox``: what the log entry at a position let happen, the same event once."""
    events = list({event.key: event for event in found}.values())
    size = len(events)
    return Rows(
        "outbox",
        {
            "shard": Text.constant(rule.shard, size),
            "position": np.full(size, position, dtype=np.int64),
            "key": Text.of([event.key for event in events]),
            "kind": Text.of([event.kind for event in events]),
            "machine": Text.of([event.machine for event in events]),
            "at": np.array([event.at for event in events], dtype=np.int64),
            "payload": Text.of([event.payload for event in events]),
        },
    )
