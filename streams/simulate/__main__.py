"""Play simulated machines, or with ``--load-tags`` a load of sensors: ``python -m streams.simulate ...``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from streams.clock import ReplayClock
from streams.replay import SensorSender, ShdrServer
from streams.replay.play import play
from streams.simulate.machine import machine_lines
from streams.simulate.sensors import PUMP_NAME, pump_batches, sensors

MESSAGES_PER_SECOND = 5


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m streams.simulate", description=__doc__)
    parser.add_argument("--origin-us", type=int, required=True, help="wall time at which the play began")
    parser.add_argument("--start-us", type=int, required=True, help="plant time then")
    parser.add_argument("--speed", type=float, default=60.0, help="how many times faster")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another plant")
    parser.add_argument("--shdr-machine", default="weld-cell", help="name of the machine, for the record")
    parser.add_argument("--shdr-port", type=int, help="where its adapter listens")
    parser.add_argument("--rig", default=PUMP_NAME, help="machine name of the sensors")
    parser.add_argument("--zmq-endpoint", required=True, help="where sensor readings are sent")
    parser.add_argument("--load-tags", type=int, default=0, help="send so many tags at 1 Hz, nothing else")
    asked = parser.parse_args(words)
    if not asked.load_tags and asked.shdr_port is None:
        parser.error("say on which --shdr-port the machine's adapter listens, or how many --load-tags")
    return asked


def send(sender: SensorSender) -> None:
    """Send until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sender.run(stop)


def main() -> int:
    """Play until asked to end."""
    asked = arguments()
    clock = ReplayClock(asked.origin_us, asked.start_us, asked.speed)
    if asked.load_tags:
        load = sensors(clock.start, asked.load_tags, seed=asked.seed)
        send(SensorSender(asked.zmq_endpoint, load, clock))
        return 0
    seconds = max(1, int(asked.speed / MESSAGES_PER_SECOND))
    pump = pump_batches(clock.start, asked.seed, machine=asked.rig, per_batch=seconds)
    server = ShdrServer(asked.shdr_port, machine_lines(clock.start, asked.seed), clock)
    play(server, SensorSender(asked.zmq_endpoint, pump, clock))
    return 0


if __name__ == "__main__":
    sys.exit(main())
