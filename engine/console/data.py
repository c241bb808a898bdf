"""What the pages show, as plain values: built by the queries, drawn by the pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.console.release_query import Release

LOSSES = (
    "unscheduled",
    "no_data",
    "planned_stop",
    "setup",
    "unplanned_stop",
    "minor_stop",
    "speed_loss",
    "reject_loss",
    "review_loss",
)
"""What is taken off calendar time, in this order, until the effective time is left."""

CALM = timedelta(minutes=1)
"""An alarm is over when so much time has passed without a score above the threshold."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a shard is: ``clock`` is the plant's time now."""

    clock: datetime
    age: float
    """Seconds of real time since the last commit, by the database's clock."""
    position: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One box on a picture, in the picture's pixels."""

    label: str
    score: float
    box: tuple[float, float, float, float]
    iso6520: str | None
    rule: str | None = None
    judged: str | None = None
    """What the rule said; None of a verdict from before rules were told."""
    length_mm: float | None = None
    area_mm2: float | None = None
    on_seam: int | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One inspected frame of a part; without a size it could not be read."""

    camera: str
    view: str
    frame_hash: str | None
    width: int
    height: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What decided a verdict."""

    recipe: str
    purpose: str
    rule: str
    rule_set: str
    process: str
    standard: str
    view: str
    finding: int | None
    measure: str
    value: float | None
    bound: float | None


@dataclass(frozen=True, slots=True)
class Part:
    """A station's verdict on one part and its first picture."""

    serial: str
    part_number: str
    attempt: int
    ts: datetime
    outcome: str
    reason: str
    model: str
    preprocessing: str
    recipe: str
    thumbnail: str | None
    decision: Decision | None = None
    """None of a verdict from before decisions were told."""


@dataclass(frozen=True, slots=True)
class StationNow:
    """The newest parts of a station, newest first, and the pictures of the first of them."""

    parts: tuple[Part, ...]
    pictures: tuple[Picture, ...]
    release: Release | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Parts judged."""

    good: int
    reject: int
    review: int

    @property
    def total(self) -> int:
        """Return all parts."""
        return self.good + self.reject + self.review

    def share(self, count: int) -> float | None:
        """Return a part of the total, None while there is nothing."""
        return count / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Balance:
    """The frame ledger of a camera's newest run: captured is the sum of the four, or ``difference``."""

    camera: str
    run: str
    since: datetime
    captured: int
    inspected: int
    dropped: int
    late: int
    unmatched: int
    difference: int


@dataclass(frozen=True, slots=True)
class Counts:
    """A station's parts since local midnight and since its cameras' run began, and its frame ledger."""

    today: Tally
    run: Tally
    run_since: datetime | None
    per_minute: float
    """Parts per minute of real time, over the last minute."""
    cameras: tuple[Balance, ...]


@dataclass(frozen=True, slots=True)
class State:
    """A machine's state from ``ts`` until ``end``, or still."""

    ts: datetime
    end: datetime | None
    state: str
    reason: str
    program: str | None


@dataclass(frozen=True, slots=True)
class Oee:
    """A machine's shift so far; times in microseconds, ratios None where nothing defines them."""

    shift: str
    ts: datetime
    as_of: datetime
    calendar: int
    losses: tuple[int, ...]
    """In the order of `LOSSES`."""
    effective: int
    tally: Tally
    ideal_cycle: int | None
    availability: float | None
    performance: float | None
    quality: float | None
    oee: float | None

    @property
    def closes(self) -> bool:
        """Return whether losses and effective time sum to calendar time, to the microsecond."""
        return sum(self.losses) + self.effective == self.calendar


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One score, and the tag that deviates most."""

    ts: datetime
    score: float
    threshold: float
    tag: str
    share: float
    """Of the squared score, the tag's."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a machine did not run in a shift: all stops of one state and reason, times in microseconds."""

    state: str
    reason: str
    stops: int
    lasted: int
    longest: int


@dataclass(frozen=True, slots=True)
class MachineNow:
    """A machine over the span its timeline shows."""

    start: datetime
    end: datetime
    states: tuple[State, ...]
    oee: Oee | None
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """A time in which a machine's score was above its threshold."""

    began: datetime
    ended: datetime
    """Its last score above the threshold."""
    scores: int
    peak: float
    threshold: float
    tags: tuple[tuple[str, float], ...]
    """Tags that explain it and the part of it that each explains at least, largest first."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A machine's anomaly score over the last hours."""

    start: datetime
    end: datetime
    curve: tuple[tuple[datetime, float], ...]
    """The highest score of each stretch of time that has one, and when the stretch begins."""
    newest: Anomaly
    alarms: tuple[Alarm, ...]
    """Newest first."""
    total: int
    """How many scores there are."""
    as_of: datetime
    """The plant's time when they were read."""

    @property
    def alarm(self) -> Alarm | None:
        """Return the alarm that lasts still."""
        newest = self.alarms[0] if self.alarms else None
        return newest if newest and self.newest.ts - newest.ended < CALM else None
