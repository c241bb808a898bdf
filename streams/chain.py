"""The chain of a line: one log entry in, everything that follows from it out.

A pure function of the entries: no clock, no order of hashes, so that a replay gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from streams.abc import Output, PartFunction
from streams.catalog import Catalog
from streams.log import mixed
from streams.log.abc import Entry, Kind, source_of
from streams.operators import quarantine
from streams.operators.admit import Admission, Admit, Arrival
from streams.operators.ahead import Ahead, Told
from streams.operators.anomaly import Anomaly
from streams.operators.batch import Admitted, Keys, Step
from streams.operators.clocks import ClockEstimate, Clocks
from streams.operators.oee import Oee, Progress
from streams.operators.outbox import Changes, Outbox
from streams.operators.standing import Said, Standing
from streams.operators.states import States
from streams.operators.tracks import Interval
from streams.operators.watermark import Heard, Reached, Watermark
from streams.operators.waveforms import AdmitWaveforms, Recorded
from streams.operators.windows import Windows
from streams.payloads import Payloads
from streams.records import Int64, PartCounts, Readings, Rows
from streams.waveforms import Waveforms

Parts = tuple[tuple[Rows, ...], PartCounts]
Taken = tuple[Admission, tuple[Rows, ...], PartCounts]


class KnownState(NamedTuple):
    """The state that a machine is known to be in."""

    machine: str
    ts: int
    state: str
    reason: str
    program: str | None


class SnapshotMismatch(ValueError):
    """A snapshot was taken by other versions of the operators: replay the log from its beginning."""


class LineChain:
    """All operators of a line: admission, watermarks, clocks, windows, scores, states, OEE, events.

    Parameters
    ----------
    catalog : machines, tags and shifts.
    parts : turns a verdict or a frame loss into rows and part counts.
    """

    def __init__(self, catalog: Catalog, parts: PartFunction) -> None:
        keys = self._keys = Keys.of(catalog)
        self._parts = parts
        self._payloads = Payloads()
        self._admit = Admit(keys)
        self._nothing = Admission.empty(keys)
        self._admit_waveforms = AdmitWaveforms(catalog)
        self._watermark = Watermark(keys)
        self._clocks = Clocks(keys)
        self._ahead = Ahead(keys)
        self._windows = Windows(keys)
        self._anomaly = Anomaly(keys)
        self._states = States(keys)
        self._oee = Oee(keys)
        self._standing = Standing()
        self._outbox = Outbox(keys, catalog.events)

    def update(self, entry: Entry) -> Output:
        """Return all that one entry changes; what cannot be read is quarantined as ``unreadable``."""
        admission, rows, parts = self._read(entry)
        admitted, newest = admission.admitted, admission.newest
        source = source_of(entry.producer)
        clocks = self._clocks.update(Heard(entry.received, newest, source))
        latest = self._clocks.latest(entry.received, source)
        told = Told(entry.position, entry.received, entry.producer, admitted, newest, latest)
        believed = self._ahead.update(told)
        reached = self._watermark.update(Heard(entry.received, believed.newest, source))
        step, marks = _step(entry, believed.admitted, believed.newest, reached), reached.marks
        windowed = self._windows.update(step)
        timeline = self._states.update(step)
        scores = self._anomaly.update(windowed)
        accounts = self._oee.update(Progress(entry.received, marks, timeline, parts))
        said = self._standing.update(
            Said(entry.received, windowed.rows, timeline.rows, scores, accounts),
        )
        events = self._outbox.update(
            Changes(entry.position, marks, timeline.intervals, said.scores, said.accounts)
        )
        self._ahead.forget(self.since)
        everything = (
            *rows,
            *believed.rows,
            *said.windows,
            *said.states,
            *said.scores,
            *said.accounts,
            *said.held,
            *clocks,
            *events,
        )
        return Output(entry.position, entry.received, everything, urgent=entry.kind == Kind.VERDICT)

    @property
    def clocks(self) -> tuple[ClockEstimate, ...]:
        """What is known of the machines' clocks."""
        return self._clocks.estimates

    @property
    def clock_jumps(self) -> int:
        """How often any of them jumped."""
        return self._clocks.jumps

    @property
    def repeated(self) -> int:
        """How many numbers came again."""
        return self._windows.repeated

    @property
    def since(self) -> int | None:
        """The log position behind which a restart has to `remember` entries; None: nothing but its snapshot.

        What the windows keep of the newest entries is too large for a snapshot, and stands in the log.
        """
        return self._windows.since

    def remember(self, entry: Entry) -> None:
        """Take an entry up to the snapshot restored, and behind its `since`: nothing follows from it."""
        told = entry.kind in (Kind.READINGS, Kind.MIXED)
        admitted = self._ahead.again(entry.position, self._read(entry)[0].admitted) if told else NO_READINGS
        newest = self._keys.newest(admitted)
        self._windows.remember(_step(entry, admitted, newest, Reached(newest, newest)))

    def resume(self, known: Iterable[KnownState], until: int | None = None) -> None:
        """Begin with the states that machines are known to be in, where the log tells of them no more.

        They hold until ``until`` at the most, where nobody listened from then on.
        """
        numbers = {name: number for number, name in enumerate(self._keys.owner)}
        found = [Interval(numbers[item.machine], *item[1:]) for item in known if item.machine in numbers]
        self._states.resume(found, until)
        self._oee.resume(found)

    @property
    def standing(self) -> Standing:
        """What stands as it was committed."""
        return self._standing

    def _read(self, entry: Entry) -> Taken:
        try:
            if entry.kind == Kind.READINGS:
                return self._admitted(entry, self._payloads.readings(entry.payload, entry.producer), ())
            if entry.kind == Kind.MIXED:
                readings, rejects = mixed.unpack(entry.payload)
                refused = quarantine.rejected(rejects, entry.received, entry.producer)
                return self._admitted(entry, readings, (refused,))
            return self._nothing, *self._other(entry)
        except ValueError:
            unreadable = quarantine.unreadable(entry.payload, entry.received, entry.producer)
            return self._nothing, (unreadable,), NO_PARTS

    def _admitted(self, entry: Entry, readings: Readings, also: tuple[Rows, ...]) -> Taken:
        admission = self._admit.update(Arrival(readings, entry.received, entry.producer))
        return admission, (*admission.rows, *also), NO_PARTS

    def _other(self, entry: Entry) -> Parts:
        if entry.kind == Kind.TICK:
            return (), NO_PARTS
        if entry.kind == Kind.REJECTS:
            rejects = mixed.rejects(entry.payload)
            return (quarantine.rejected(rejects, entry.received, entry.producer),), NO_PARTS
        if entry.kind == Kind.WAVEFORM:
            waveforms = Waveforms.decode(entry.payload)
            return self._admit_waveforms.update(Recorded(waveforms, entry.received, entry.producer)), NO_PARTS
        return self._parts(entry)

    @property
    def _operators(self) -> tuple[Any, ...]:
        """Return what has a state to keep; waveforms are judged each by itself."""
        sources = (self._admit, self._watermark, self._clocks, self._ahead)
        told = (self._windows, self._anomaly, self._states, self._oee)
        return (*sources, *told, self._standing, self._outbox)

    @property
    def older(self) -> dict[str, tuple[int, ...]]:
        """Older versions of operators' snapshots that `restore` takes, too."""
        return {self._outbox.name: self._outbox.older}

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Return version and state of every operator by its name."""
        return {operator.name: (operator.version, operator.snapshot()) for operator in self._operators}

    def restore(self, states: Mapping[str, tuple[int, bytes]]) -> None:
        """Go back to a snapshot.

        Raises
        ------
        SnapshotMismatch
            An operator is missing or of another version; nothing was changed.
        """
        for operator in self._operators:
            found = states.get(operator.name, (0, b""))[0]
            if found not in (operator.version, *self.older.get(operator.name, ())):
                raise SnapshotMismatch(
                    f"The snapshot holds version {found} of {operator.name}, this program writes version "
                    f"{operator.version}; replay the log from its beginning."
                )
        for operator in self._operators:
            operator.restore(states[operator.name][1])


def _step(entry: Entry, admitted: Admitted, newest: Int64, reached: Reached) -> Step:
    marks, fronts = reached.marks, reached.fronts
    return Step(entry.position, entry.received, entry.producer, admitted, newest, marks, fronts)


NO_READINGS = Admitted.empty()
NO_PARTS = PartCounts.empty()
