"""Play recorded machines: ``python -m streams.replay --data DIR ...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from streams.clock import SECOND, ReplayClock
from streams.replay.play import play
from streams.replay.recorded import MissingDataError, recorded_lines, recorded_sensors
from streams.replay.sender import SensorSender
from streams.replay.server import ShdrServer

MESSAGES_PER_SECOND = 5


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m streams.replay", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recorded data")
    parser.add_argument("--origin-us", type=int, required=True, help="wall time at which the replay began")
    parser.add_argument("--start-us", type=int, required=True, help="plant time then")
    parser.add_argument("--speed", type=float, default=60.0, help="how many times faster")
    parser.add_argument("--shdr-machine", default="Mazak03", help="whose recorded days")
    parser.add_argument("--shdr-port", type=int, required=True, help="where its adapter listens")
    parser.add_argument("--rig", default="pump-rig", help="machine name of the recorded series")
    parser.add_argument("--zmq-endpoint", required=True, help="where the series are sent")
    return parser.parse_args()


def main() -> int:
    """Play until asked to end."""
    asked = arguments()
    clock = ReplayClock(asked.origin_us, asked.start_us, asked.speed)
    span = max(SECOND, int(asked.speed * SECOND / MESSAGES_PER_SECOND))
    try:
        lines = recorded_lines(asked.data, asked.shdr_machine, clock.start, loop=True)
        sensors = recorded_sensors(asked.data, asked.rig, clock.start, span, loop=True)
        play([ShdrServer(asked.shdr_port, lines, clock)], SensorSender(asked.zmq_endpoint, sensors, clock))
    except MissingDataError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
