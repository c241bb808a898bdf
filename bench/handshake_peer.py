"""The line of `bench.handshake`, in a process of its own: a software PLC, and a camera that it fires.

Prints its port, then for every line on standard input (how many parts) shows them one after another: the
trigger is raised, the picture leaves for the station at that moment, and the time ends when the answer is in
the PLC's memory, which its program looks at every millisecond. Prints the seconds of each part as JSON.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import zmq

from engine.plant import ModbusHandshake
from streams.peers.modbus import ModbusPeer
from streams.peers.plc import RegisterWires, SoftPlc

BITS = ("ready", "busy", "ok", "ng", "review", "stop")
REGISTERS = 64


def wired(port: int, cycle_s: float) -> ModbusHandshake:
    """Return the handshake of both sides."""
    asks: dict[str, Any] = {"trigger": {"address": "holding:0.0"}, "acknowledge": {"address": "holding:0.1"}}
    asks["part_id"] = {"address": "holding:2", "type": "uint32"}
    asks["serial"] = {"address": "holding:4", "type": "string", "length": 8}
    answers: dict[str, Any] = {name: {"address": f"holding:32.{bit}"} for bit, name in enumerate(BITS)}
    answers |= {"alive": {"address": "holding:33"}, "code": {"address": "holding:34"}}
    answers["answer_id"] = {"address": "holding:35", "type": "uint32"}
    place = {"kind": "modbus", "host": "127.0.0.1", "port": port, "cycle_s": cycle_s}
    return ModbusHandshake.model_validate(place | {"asks": asks, "answers": answers})


def show(plc: SoftPlc, camera: zmq.Socket[bytes], pictures: list[bytes], first: int, count: int) -> list[Any]:
    """Show parts and return what came back: the word, the code and the seconds of each."""
    found = []
    for number in range(first, first + count):
        plc.wait(lambda: plc.on("ready"))
        serial = f"P{number:06d}"
        plc.trigger(part_id=float(number), serial=serial)
        camera.send_multipart([
            json.dumps({"serial": serial}).encode(), pictures[number % len(pictures)]
        ])  # fmt: skip
        said = plc.answer()
        if int(float(plc.wires.get("answer_id"))) != number:
            raise AssertionError(f"the answer to part {number} is for {said.answer_id}")
        plc.finish()
        found.append([said.word, said.code, said.seconds])
    return found


def main() -> None:
    """Serve until standard input ends."""
    endpoint, cycle_s = sys.argv[1], float(sys.argv[3])
    with Path(sys.argv[2]).open("rb") as file:
        pictures: list[bytes] = pickle.load(file)
    with ModbusPeer(REGISTERS) as peer, zmq.Context() as context, context.socket(zmq.PUSH) as camera:
        section = wired(peer.port, cycle_s)
        plc = SoftPlc(
            RegisterWires(peer, {**section.places(section.asks), **section.places(section.answers)})
        )
        camera.connect(endpoint)
        print(peer.port, flush=True)
        shown = 0
        for line in sys.stdin:
            found = show(plc, camera, pictures, shown, int(line))
            shown += len(found)
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
