"""The demo's plant, described without starting it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.demo import JUDGED_SPEED, build
from cluster.demo_machines import machine_section
from engine.paths import Home
from engine.plant import Plant, PlantError, ReplaySection, ShdrSource, ZmqSource
from streams.catalog import Catalog
from streams.simulate import SHOP, ZONE
from streams.simulate.__main__ import arguments


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        ([], "welds-pipe/images is missing"),
        (["welds-pipe/images"], "no Mazak03-*.txt.xz in"),
    ],
)
def test_a_folder_that_lacks_recordings_is_one_sentence(
    tmp_path: Path, folders: list[str], says: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(PlantError) as raised:
        build(Home(tmp_path / "home"), tmp_path, speed=60, port=8080)
    assert says in str(raised.value)


def test_the_simulated_plant_is_the_shop_and_plays_it(tmp_path: Path) -> None:
    demo = build(Home(tmp_path), None, speed=60, port=8080)
    assert [machine.name for machine in demo.plant.machines] == [one.name for one in SHOP]
    ports = {item.machine: item.port for item in demo.plant.sources if isinstance(item, ShdrSource)}
    assert set(ports) == {one.name for one in SHOP if one.adapter}
    ((module, *words),) = demo.field
    played = arguments(words)
    assert (module, dict(played.adapter)) == ("streams.simulate", ports)
    (endpoint,) = [item.endpoint for item in demo.plant.sources if isinstance(item, ZmqSource)]
    assert played.zmq_endpoint == endpoint
    assert isinstance(demo.plant.replay, ReplaySection)
    assert (played.start_us, played.speed) == (demo.plant.replay.start_us, 60)


def test_a_machine_of_the_plant_is_that_of_the_shop() -> None:
    sections = [machine_section(one, idle_s=600.0) for one in SHOP]
    described = Plant(name="demo", timezone=ZONE, machines=sections).catalog()
    assert described == Catalog(tuple(one.machine(600.0) for one in SHOP))


@pytest.mark.parametrize(
    ("speed", "judges", "counts"),
    [(1.0, SHOP[0].name, "parts"), (JUDGED_SPEED, SHOP[0].name, "parts"), (600.0, None, "runs")],
)
def test_a_station_judges_the_cells_parts_while_it_can_keep_up(
    tmp_path: Path, speed: float, judges: str | None, counts: str
) -> None:
    plant = build(Home(tmp_path), None, speed=speed, port=8080).plant
    (station,) = plant.stations
    assert station.judges == judges
    assert {camera.follows for camera in station.cameras} == {judges}
    assert plant.machines[0].counts == counts


def test_the_plant_begins_when_its_station_had_time_to_come_up(tmp_path: Path) -> None:
    replay = build(Home(tmp_path), None, speed=60, port=8080).plant.replay
    assert replay is not None
    assert replay.clock().now() < replay.start_us
