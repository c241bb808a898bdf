"""What a simulated machine is like: its programs, what keeps it from running, what it measures. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from streams.catalog import Calendar, Machine, StateRule, Tag
from streams.clock import SECOND

Range = tuple[float, float]
"""Bounds between which a number is drawn."""

TEXT_TAGS = ("avail", "execution", "mode", "program", "system_cond")
READY, ACTIVE, HOLD, STOPPED, UNAVAILABLE = "READY", "ACTIVE", "FEED_HOLD", "STOPPED", "UNAVAILABLE"
NORMAL = "NORMAL"
"""What the condition says while nothing is broken; otherwise it says the cause."""
SETUP, BREAK, OFF_SHIFT, WAIT = "SETUP", "BREAK", "OFF_SHIFT", "WAIT_OPERATOR"
"""Words that any machine says; every other word is the name of a `Minor`, a `Fault`, a `Duty` or a `Tool`."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A quantity of the process: 0 at rest, the program's level while it runs."""

    name: str
    unit: str
    noise: float
    """Standard deviation as a share of the level."""
    wear: float = 0.0
    """What a worn-out tool adds, as a share of the level."""


@dataclass(frozen=True, slots=True)
class Program:
    """A part program: its ideal cycle and the level of each channel while it runs."""

    name: str
    cycle_s: int
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Minor:
    """A minor stop: the word for its cause, its chance after each part, how long it lasts."""

    word: str
    chance: float
    lasts_s: Range


@dataclass(frozen=True, slots=True)
class Fault:
    """A breakdown: Weibull by running time, repaired in a log-normal time."""

    word: str
    text: str
    """What the machine's condition says."""
    life_h: float
    """Characteristic life (63 % have failed), hours of running."""
    shape: float
    """1 is chance alone, more is wear."""
    repair_min: float
    """Median of the repair, minutes."""


@dataclass(frozen=True, slots=True)
class Duty:
    """A planned stop in each shift, at its time after the shift's start."""

    word: str
    after_min: int
    lasts_min: int


@dataclass(frozen=True, slots=True)
class Tool:
    """What wears while the machine runs, and the word for changing it."""

    word: str
    life_min: float
    change_s: Range


@dataclass(frozen=True, slots=True)
class Wearing:
    """When the bearing of the machine's auxiliary begins to go, hours, and how long it then lasts."""

    first_h: Range
    """After the machine's course began."""
    again_h: Range
    """After each repair."""
    growth_min: float
    """Time in which the damage grows e-fold."""


@dataclass(frozen=True, slots=True)
class Model:
    """A machine. Chances are per part."""

    name: str
    calendar: Calendar
    programs: tuple[Program, ...]
    channels: tuple[Channel, ...]
    body: tuple[str, float]
    """Name of the temperature of what gets warm by running, and by how many degrees at most."""
    auxiliary: str
    """Prefix of the tags of what turns all the time at one speed: a fan, a pump."""
    minors: tuple[Minor, ...]
    faults: tuple[Fault, ...]
    duties: tuple[Duty, ...]
    tool: Tool
    lot: tuple[int, int]
    """Parts until the next program is set up, upper bound excluded."""
    setup_s: Range
    loading_s: Range
    hold: float = 0.03
    """Chance of a feed hold within a cycle."""
    hold_s: Range = (4.0, 15.0)
    slow: float = 0.012
    """Chance that a spell at reduced override begins."""
    slow_parts: tuple[int, int] = (6, 16)
    slow_by: Range = (1.06, 1.18)
    silence: float = 0.001
    """Chance that the control restarts: nothing is known of the machine meanwhile."""
    silence_s: Range = (90.0, 240.0)
    wearing: Wearing | None = None
    """None: the bearing outlasts every run."""
    judged_s: int | None = None
    """Ideal cycle where a station judges its parts; None: every finished run is a good part."""
    adapter: bool = True
    """Whether it speaks SHDR; otherwise it sends to a ZeroMQ endpoint."""

    @property
    def breakdown(self) -> str:
        """Return the word for the auxiliary's breakdown."""
        return f"{self.auxiliary.upper()}_FAULT"

    @property
    def states(self) -> dict[str, str]:
        """Return what the machine's own words mean, beside those that are known anyway."""
        stops = [WAIT, *(minor.word for minor in self.minors), *(fault.word for fault in self.faults)]
        planned = [BREAK, OFF_SHIFT, *(duty.word for duty in self.duties)]
        return {
            **dict.fromkeys((SETUP, self.tool.word), "setup"),
            **dict.fromkeys(planned, "planned_stop"),
            **dict.fromkeys((*stops, self.breakdown), "stop"),
        }

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Return everything that it tells; the anomaly score watches its auxiliary."""
        numbers = [Tag(channel.name, unit=channel.unit) for channel in self.channels]
        numbers += [Tag(self.body[0], unit="°C"), Tag("tool_wear", unit="%")]
        watched = [Tag(f"{self.auxiliary}_{name}", unit=unit, detect=True) for name, unit in AUXILIARY]
        return (*(Tag(name, numeric=False) for name in TEXT_TAGS), *numbers, *watched)

    def machine(self, idle_after_s: float = 10.0) -> Machine:
        """Return the machine as the streams' catalog knows it."""
        rule = StateRule()
        return Machine(
            name=self.name,
            tags=self.tags,
            calendar=self.calendar,
            state_rule=StateRule(states=tuple({**dict(rule.states), **self.states}.items())),
            counts="runs" if self.judged_s is None else "parts",
            ideal_cycle=None if self.judged_s is None else self.judged_s * SECOND,
            idle_after=int(idle_after_s * SECOND),
        )


AUXILIARY = (("vib", "mm/s"), ("band", "g"), ("temp", "°C"), ("amps", "A"))
"""What is measured of every auxiliary: RMS of vibration velocity, envelope in the band of the outer race
frequency, temperature of the bearing, motor current."""
