"""The demo plant: real logs and photographs replayed through the live path, or a simulated plant."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from engine.paths import Home
from engine.plant import (
    Camera,
    ConsoleSection,
    FolderCamera,
    MachineSection,
    Plant,
    PlantError,
    ReplaySection,
    ShdrSource,
    SimulatedCamera,
    StationSection,
    TagSection,
    ZmqSource,
)
from streams import replay, simulate
from streams.log.tail import last_entry

MACHINE = "Mazak03"
RIG = "pump-rig"
CELL = "weld-cell"
STATION = "weld-1"
PHOTOGRAPHS = "welds-pipe/images"
CAMERA_RATE = 5.0
IDLE_S = 10.0


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
    clock = replay_clock(home, shard, speed)
    shdr_port, endpoint = free_port(), home.create().socket("sensors")
    clock_words = [f"--origin-us={clock.origin_us}", f"--start-us={clock.start_us}", f"--speed={clock.speed}"]
    places = [f"--shdr-port={shdr_port}", f"--zmq-endpoint={endpoint}"]
    camera: Camera
    if data is None:
        machine, camera, source = CELL, simulated_camera(), ["streams.simulate"]
        tags = {CELL: simulate.machine_tags(), RIG: simulate.sensor_tags()}
    else:
        machine, camera, source = MACHINE, folder_camera(data), ["streams.replay", f"--data={data}"]
        tags = recorded_tags(data)
    plant = Plant(
        name="Demo plant" if data is None else "Replayed plant",
        shard=shard,
        simulated=data is None,
        machines=[machine_section(name, found, speed) for name, found in tags.items()],
        stations=[StationSection(name=STATION, cameras=[camera])],
        sources=[
            ShdrSource(kind="shdr", name="shdr", machine=machine, port=shdr_port),
            ZmqSource(kind="zeromq", name="sensors", endpoint=endpoint),
        ],
        replay=clock,
        console=ConsoleSection(port=port),
    )
    return Demo(plant, [[*source, f"--shdr-machine={machine}", f"--rig={RIG}", *places, *clock_words]])


def recorded_tags(data: Path) -> dict[str, list[tuple[str, bool]]]:
    """Return the tags of the recorded machines, True where they are numbers."""
    try:
        return {MACHINE: replay.machine_tags(data, MACHINE), RIG: replay.sensor_tags(data)}
    except replay.MissingDataError as exc:
        raise PlantError(str(exc)) from exc


def replay_clock(home: Home, shard: str, speed: float) -> ReplaySection:
    """Start the replay's clock now, or where the last replay into this log had come to."""
    now = time.time_ns() // 1000
    last = last_entry(home.log / shard)
    start = now if last is None else max(now, last.received)
    return ReplaySection(origin_us=now, start_us=start, speed=speed)


def machine_section(name: str, tags: list[tuple[str, bool]], speed: float) -> MachineSection:
    """Describe a machine by its tags.

    The anomaly score looks at every tag of a rig, but of a machine that starts and stops only at its
    temperatures: its loads jump with every cycle, which is no anomaly. Real seconds without a word
    count as silence, so in plant time silence is ``speed`` times longer.
    """
    rig = ("execution", False) not in tags
    sections = [
        TagSection(
            name=tag, type="number" if numeric else "text", detect=numeric and (rig or "temp" in tag.lower())
        )
        for tag, numeric in tags
    ]
    return MachineSection(name=name, tags=sections, idle_after_s=IDLE_S * max(speed, 1.0))


def folder_camera(data: Path) -> FolderCamera:
    """Show the photographs of the data folder, over and over."""
    path = data / PHOTOGRAPHS
    if not path.is_dir():
        raise PlantError(f"{path} is missing; give the folder that holds {PHOTOGRAPHS} as --data")
    return FolderCamera(kind="folder", name="camera-1", path=path.resolve(), rate=CAMERA_RATE, repeat=True)


def simulated_camera() -> SimulatedCamera:
    """Show rendered parts."""
    return SimulatedCamera(kind="simulated", name="camera-1", rate=CAMERA_RATE)


def free_port() -> int:
    """Return a port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
