"""The machines of the simulated demo plant: the shop of `streams.simulate` as sections of a plant file."""

from __future__ import annotations

from dataclasses import dataclass

from engine.plant import (
    MachineSection,
    ReplaySection,
    ShdrSource,
    ShiftSection,
    Source,
    TagSection,
    ZmqSource,
)
from streams import simulate
from streams.catalog import Shift
from streams.simulate import Model

SENSORS = "sensors"


@dataclass(frozen=True, slots=True)
class Field:
    """Machines, the sources that they speak through, and the module that plays them."""

    machines: list[MachineSection]
    sources: list[Source]
    module: list[str]


def clock_words(clock: ReplaySection) -> list[str]:
    """Return the replay's clock as arguments of the module that plays."""
    return [f"--origin-us={clock.origin_us}", f"--start-us={clock.start_us}", f"--speed={clock.speed}"]


def simulated_field(
    clock: ReplaySection, ports: list[int], endpoint: str, idle_s: float, judged: bool
) -> Field:
    """Describe the simulated shop.

    Parameters
    ----------
    ports
        Where the adapters listen: as many as machines of the shop have one.
    endpoint
        Where the others send.
    idle_s
        How long a machine may be silent, seconds of plant time.
    judged
        Whether a station judges the parts of the machine that wants it; otherwise its runs count.
    """
    adapters = dict(zip([one.name for one in simulate.SHOP if one.adapter], ports, strict=True))
    sources: list[Source] = [
        ShdrSource(kind="shdr", name=name, machine=name, port=port) for name, port in adapters.items()
    ]
    return Field(
        machines=[machine_section(model, idle_s, judged) for model in simulate.SHOP],
        sources=[*sources, ZmqSource(kind="zeromq", name=SENSORS, endpoint=endpoint)],
        module=[
            "streams.simulate",
            *(f"--adapter={name}={port}" for name, port in adapters.items()),
            f"--zmq-endpoint={endpoint}",
            *clock_words(clock),
        ],
    )


def machine_section(model: Model, idle_s: float, judged: bool = True) -> MachineSection:
    """Describe a machine of the shop."""
    ideal_s = model.judged_s if judged else None
    return MachineSection(
        name=model.name,
        tags=[
            TagSection(
                name=tag.name, type="number" if tag.numeric else "text", unit=tag.unit, detect=tag.detect
            )
            for tag in model.tags
        ],
        shifts=[shift_section(shift) for shift in model.calendar.shifts],
        ideal_cycle_s="modal" if ideal_s is None else ideal_s,
        counts="runs" if ideal_s is None else "parts",
        idle_after_s=idle_s,
        states=model.states,  # type: ignore[arg-type]  # checked when the section is built
    )


def shift_section(shift: Shift) -> ShiftSection:
    """Describe a shift in times of day."""
    return ShiftSection(
        name=shift.name,
        start=time_of_day(shift.start),
        end=time_of_day(shift.end),
        weekdays=sorted(shift.weekdays),
        breaks=[(time_of_day(low), time_of_day(high)) for low, high in shift.breaks],
    )


def time_of_day(minute: int) -> str:
    """Return minutes after midnight as ``HH:MM``.

    >>> time_of_day(26 * 60 + 5)
    '02:05'
    """
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"
