"""The demo plant: real logs and photographs replayed through the live path, or a simulated plant."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.demo_machines import SENSORS, Field, clock_words, simulated_field
from cluster.demo_station import STATION, simulated_station
from engine.paths import Home
from engine.plant import (
    ConsoleSection,
    FolderCamera,
    MachineSection,
    Plant,
    PlantError,
    ReplaySection,
    ShdrSource,
    StationSection,
    TagSection,
    ZmqSource,
)
from streams import replay, simulate
from streams.clock import SECOND
from streams.log.tail import last_entry

MACHINE = "Mazak03"
RIG = "pump-rig"
CELL = simulate.WELD_CELL_1.name
PHOTOGRAPHS = "welds-pipe/images"
CAMERA_RATE = 5.0
IDLE_S = 10.0
HEAD_START_S = 8.0
"""In which the station comes up: it would miss the first parts that a simulated machine finishes."""
JUDGED_SPEED = 120.0
"""Up to here every part of the first weld cell is judged: 2 to 3 a real second."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A plant and the modules that play its machines."""

    plant: Plant
    field: list[list[str]]


def build(home: Home, data: Path | None, speed: float, port: int) -> Demo:
    """Describe the demo plant.

    Raises
    ------
    PlantError
        The data folder lacks what the replay needs.
    """
    shard = "demo" if data is None else "replay"
    clock = replay_clock(home, shard, speed, HEAD_START_S if data is None else 0.0)
    endpoint = home.create().socket("sensors")
    inspection = station(data, speed)
    if data is None:
        ports = [free_port() for model in simulate.SHOP if model.adapter]
        field = simulated_field(clock, ports, endpoint, silence(speed), speed <= JUDGED_SPEED)
    else:
        field = replayed_field(data, clock, free_port(), endpoint)
    plant = Plant(
        name="Demo plant" if data is None else "Replayed plant",
        timezone=simulate.ZONE if data is None else "UTC",
        shard=shard,
        simulated=data is None,
        machines=field.machines,
        stations=[inspection],
        sources=field.sources,
        replay=clock,
        console=ConsoleSection(port=port),
    )
    return Demo(plant, [field.module])


def station(data: Path | None, speed: float) -> StationSection:
    """Describe the inspection station: of simulated parts it judges each that the first weld cell finishes.

    Beyond `JUDGED_SPEED` it could not keep up: it then judges parts of its own, at its cameras' rate.
    """
    if data is not None:
        return StationSection(name=STATION, cameras=[folder_camera(data)])
    return simulated_station(CELL if speed <= JUDGED_SPEED else None)


def replayed_field(data: Path, clock: ReplaySection, port: int, endpoint: str) -> Field:
    """Describe the recorded machines."""
    return Field(
        machines=[machine_section(name, tags, clock.speed) for name, tags in recorded_tags(data).items()],
        sources=[
            ShdrSource(kind="shdr", name="shdr", machine=MACHINE, port=port),
            ZmqSource(kind="zeromq", name=SENSORS, endpoint=endpoint),
        ],
        module=[
            "streams.replay",
            f"--data={data}",
            f"--shdr-machine={MACHINE}",
            f"--rig={RIG}",
            f"--shdr-port={port}",
            f"--zmq-endpoint={endpoint}",
            *clock_words(clock),
        ],
    )


def recorded_tags(data: Path) -> dict[str, list[tuple[str, bool]]]:
    """Return the tags of the recorded machines, True where they are numbers."""
    try:
        return {MACHINE: replay.machine_tags(data, MACHINE), RIG: replay.sensor_tags(data)}
    except replay.MissingDataError as exc:
        raise PlantError(str(exc)) from exc


def replay_clock(home: Home, shard: str, speed: float, head_start_s: float = 0.0) -> ReplaySection:
    """Start the replay's clock now, or where the last replay into this log had come to.

    ``head_start_s`` are real seconds before the plant begins, its clock running already.
    """
    now = time.time_ns() // 1000
    last = last_entry(home.log / shard)
    start = now if last is None else max(now, last.received)
    wait = int(head_start_s * SECOND)
    return ReplaySection(origin_us=now + wait, start_us=start + int(wait * speed), speed=speed)


def machine_section(name: str, tags: list[tuple[str, bool]], speed: float) -> MachineSection:
    """Describe a recorded machine by its tags.

    The anomaly score looks at every tag of a rig, but of a machine that starts and stops only at its
    temperatures: its loads jump with every cycle, which is no anomaly.
    """
    rig = ("execution", False) not in tags
    sections = [
        TagSection(
            name=tag, type="number" if numeric else "text", detect=numeric and (rig or "temp" in tag.lower())
        )
        for tag, numeric in tags
    ]
    return MachineSection(name=name, tags=sections, idle_after_s=silence(speed))


def silence(speed: float) -> float:
    """Return after how many seconds without a word a machine counts as silent.

    Real seconds without a word count, so in plant time it is ``speed`` times longer.
    """
    return IDLE_S * max(speed, 1.0)


def folder_camera(data: Path) -> FolderCamera:
    """Show the photographs of the data folder, over and over."""
    path = data / PHOTOGRAPHS
    if not path.is_dir():
        raise PlantError(f"{path} is missing; give the folder that holds {PHOTOGRAPHS} as --data")
    return FolderCamera(kind="folder", name="camera-1", path=path.resolve(), rate=CAMERA_RATE, repeat=True)


def free_port() -> int:
    """Return a port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
