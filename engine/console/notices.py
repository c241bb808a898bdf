"""What calls for somebody now: each notice is one thing that a person can go and look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.console.data import Counts, MachineNow, Scores, State
from streams.calendar import EPOCH, containing
from streams.catalog import Machine

OLD = timedelta(minutes=10)
"""A score so far behind the plant's time says nothing of the machine now."""
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """``kind`` is ``stop``, ``no_data``, ``anomaly`` or ``ledger``; ``detail`` a reason, a tag or a count."""

    kind: str
    machine: str
    since: datetime | None
    detail: str


def present(machine: MachineNow | None, now: datetime) -> tuple[str, State | None]:
    """Return a machine's state now, ``no_data`` where it is not known, and the last one it told."""
    last = machine.states[-1] if machine and machine.states else None
    return (last.state if last and (last.end is None or last.end >= now) else "no_data"), last


def condition(found: Scores | None) -> str:
    """Return ``alarm`` or ``quiet``, or ``old`` where the last score says nothing of the present."""
    if found is None or found.as_of - found.newest.ts > OLD:
        return "old"
    return "alarm" if found.alarm else "quiet"


def notices(
    line: Sequence[Machine],
    now: datetime,
    machines: Mapping[str, MachineNow],
    anomalies: Mapping[str, Scores],
    counts: Mapping[str, Counts],
) -> list[Notice]:
    """Return what calls for somebody at plant time ``now``, the newest first.

    A stop calls once it is no minor stop any more, a machine without data at once; both only while the
    machine's shift wants it to work. An anomaly calls while its alarm lasts, a ledger while it is open.
    """
    found = [
        *(item for machine in line for item in _standing(machine, machines.get(machine.name), now)),
        *(item for name, scores in anomalies.items() for item in _unusual(name, scores)),
        *(item for name, tallies in counts.items() for item in _unaccounted(name, tallies)),
    ]
    return sorted(found, key=lambda item: item.since or now, reverse=True)


def scheduled(machine: Machine, now: datetime) -> bool:
    """Return whether a machine is to work now: within a shift and outside its breaks."""
    ts = (now - EPOCH) // MICROSECOND
    span = containing(machine.calendar, ts)
    return span is not None and any(low <= ts < high for low, high in span.working(ts + 1))


def _standing(machine: Machine, found: MachineNow | None, now: datetime) -> Iterator[Notice]:
    if not machine.tells_state or found is None or not scheduled(machine, now):
        return
    state, last = present(found, now)
    if state == "no_data":
        lost = last is not None and last.state != "no_data"
        yield Notice("no_data", machine.name, (last.end if lost else last.ts) if last else None, "")
    elif state == "stop" and last and (now - last.ts) // MICROSECOND >= machine.minor_stop:
        yield Notice("stop", machine.name, last.ts, last.reason)


def _unusual(name: str, scores: Scores) -> Iterator[Notice]:
    if condition(scores) == "alarm" and (alarm := scores.alarm):
        yield Notice("anomaly", name, alarm.began, alarm.tags[0][0])


def _unaccounted(name: str, tallies: Counts) -> Iterator[Notice]:
    if missing := sum(abs(balance.difference) for balance in tallies.cameras):
        yield Notice("ledger", name, None, str(missing))
