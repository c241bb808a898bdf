from __future__ import annotations

import socket
import threading

import pytest

from engine.plant.file import parse
from engine.sources import build_connector
from streams.connectors.polling import PollingConnector
from streams.testing import MemoryOutlet, running

PLANT = """
name: Hall 3
machines:
  - name: press
    tags: [{name: force, unit: kN}, {name: program, type: text}, {name: running}]
sources:
  - kind: modbus
    name: meter
    host: 127.0.0.1
    port: PORT
    unit: 3
    word_order: little
    at_once: 2
    gap: 9
    points:
      - {address: holding:10, type: float32, machine: press, tag: force}
      - {address: holding:12.4, machine: press, tag: running}
  - kind: s7
    name: oven
    host: 127.0.0.1
    port: PORT
    slot: 2
    gap: 4
    points:
      - {address: DB1.DBX0.3, machine: press, tag: running}
      - {address: DB1.DBD4, machine: press, tag: force}
      - {address: MB2, type: string, length: 8, machine: press, tag: program}
  - kind: mc
    name: plc
    host: 127.0.0.1
    port: PORT
    inputs: octal
    route: {network: 2, pc: 5}
    points:
      - {address: X17, machine: press, tag: running}
      - {address: D8, type: string, length: 4, machine: press, tag: program}
"""


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("modbus", "The Modbus device at 127.0.0.1:{}, unit 3, cannot be read: Connection refused."),
        ("s7", "The S7 at 127.0.0.1:{} cannot be read: Connection refused."),
        ("mc", "The controller at 127.0.0.1:{} cannot be read: Connection refused."),
    ],
)
def test_a_device_that_is_away_is_told_in_one_sentence(kind: str, says: str) -> None:
    port = closed_port()
    plant = parse(PLANT.replace("PORT", str(port)), "hall.yaml")
    (source,) = [source for source in plant.sources if source.kind == kind]
    connector, pause = build_connector(source, plant), threading.Event()
    with running(lambda stop: connector.run(MemoryOutlet(), stop)):
        while "has not answered yet" in connector.trouble:
            pause.wait(0.01)
    assert connector.trouble == says.format(port)


def test_what_the_plant_file_says_is_what_is_asked_for() -> None:
    plant = parse(PLANT.replace("PORT", "502"), "hall.yaml")
    asked = {}
    for source in plant.sources:
        connector = build_connector(source, plant)
        assert isinstance(connector, PollingConnector)
        asked[source.kind] = [(block.area, block.first, block.count) for block in connector.blocks]
    assert asked == {
        "modbus": [("holding", 10, 2), ("holding", 12, 1)],
        "s7": [("DB1", 0, 8), ("M", 2, 10)],
        "mc": [("D", 8, 4), ("X", 15, 1)],
    }
