"""What the streams know of the plant: machines, tags, shifts. Built from the plant file by `engine`."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from streams.clock import MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class Tag:
    """One measured or reported quantity of a machine."""

    name: str
    numeric: bool = True
    unit: str = ""
    detect: bool = False
    """Whether the machine's anomaly score looks at it (numeric tags only)."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What records waveforms of a machine."""

    name: str
    unit: str = ""
    axes: tuple[str, ...] = ("",)
    """The directions in which it measures; one without a name where it has but one."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A named span of local time on given weekdays (Monday 0), with its breaks.

    Minutes count from the local midnight that begins the shift's day; ``end`` may pass 1440.
    """

    name: str
    start: int
    end: int
    weekdays: frozenset[int] = frozenset(range(7))
    breaks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Calendar:
    """The shifts of a machine in its time zone."""

    timezone: ZoneInfo
    shifts: tuple[Shift, ...]


AROUND_THE_CLOCK = Calendar(ZoneInfo("UTC"), (Shift("day", 0, 1440),))
"""24 hours a day, no break: what holds where the plant file says nothing."""


@dataclass(frozen=True, slots=True)
class StateRule:
    """How a machine's text tags tell its state: the tag that is looked up and what its values mean.

    ``states`` maps a value to one of `STATES`; ``availability`` is a tag whose value UNAVAILABLE
    means that nothing is known. ``program`` is the tag that names the running program.
    ``run_ends`` are the values of ``execution`` that end a program run; of them ``run_completes``
    mean that the run was completed and made ``parts_per_run`` parts.
    """

    execution: str = "execution"
    availability: str = "avail"
    program: str = "program"
    states: tuple[tuple[str, str], ...] = (
        ("ACTIVE", "run"),
        ("INTERRUPTED", "run"),
        ("FEED_HOLD", "run"),
        ("PROGRAM_STOPPED", "run"),
        ("OPTIONAL_STOP", "run"),
        ("READY", "stop"),
        ("STOPPED", "stop"),
        ("PROGRAM_COMPLETED", "stop"),
        ("UNAVAILABLE", "no_data"),
    )
    run_ends: frozenset[str] = frozenset({"READY", "STOPPED", "PROGRAM_COMPLETED", "UNAVAILABLE"})
    run_completes: frozenset[str] = frozenset({"READY", "PROGRAM_COMPLETED"})
    parts_per_run: int = 1


STATES = ("no_data", "run", "stop", "setup", "planned_stop")
"""Machine states: nothing known, running, stopped without a plan, changeover, stopped by plan."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the line; an inspection station is one too."""

    name: str
    tags: tuple[Tag, ...]
    calendar: Calendar = AROUND_THE_CLOCK
    state_rule: StateRule = field(default_factory=StateRule)
    counts: str = "runs"
    """Where part counts come from: ``runs`` (completed program runs, all good) or ``parts`` (verdicts)."""
    ideal_cycle: int | None = None
    """Microseconds per part; None: the mode of its own completed runs (per program)."""
    minor_stop: int = 5 * MINUTE
    """A stop shorter than this is a minor stop: it costs performance, not availability."""
    disorder: int = 2 * SECOND
    """How far behind the newest event time readings may come and still be on time."""
    allowance: int = 30 * SECOND
    """How far behind the watermark readings may come and still revise results."""
    idle_after: int = 10 * SECOND
    """A machine not heard of for so long (receive time) no longer holds its watermark back."""
    sensors: tuple[Sensor, ...] = ()
    """What records its waveforms."""

    @property
    def tells_state(self) -> bool:
        """Whether it says when it runs; a rig that only sends readings has no states and no OEE."""
        return any(tag.name == self.state_rule.execution for tag in self.tags)


@dataclass(frozen=True, slots=True)
class EventRule:
    """When something that happens is told to others."""

    shard: str
    """Whose log tells it."""
    stopped_after: int = 5 * MINUTE
    """A machine that has stood still for so long is told of, microseconds."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything a shard's flow knows of its line."""

    machines: tuple[Machine, ...]
    events: EventRule | None = None
    """What is told to others; None: nothing."""

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return (machine, tag) of every key, a key being an index into this tuple."""
        return tuple((machine.name, tag.name) for machine in self.machines for tag in machine.tags)

    def machine(self, name: str) -> Machine:
        """Return a machine by its name.

        Raises
        ------
        KeyError
            There is none of that name.
        """
        return {machine.name: machine for machine in self.machines}[name]
