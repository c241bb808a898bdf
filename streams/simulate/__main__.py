"""Play the simulated shop, or with ``--load-tags`` a load of sensors: ``python -m streams.simulate ...``."""

from __future__ import annotations

import argparse
import heapq
import sys
from collections.abc import Iterator

from streams.clock import SECOND, ReplayClock
from streams.records import Readings
from streams.replay import SensorSender, ShdrServer
from streams.replay.play import play
from streams.simulate.adapter import adapter_lines
from streams.simulate.sensors import sensors
from streams.simulate.shop import SEED, SHOP, model
from streams.simulate.telling import readings, sampling

MESSAGES_PER_SECOND = 5


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m streams.simulate", description=__doc__)
    parser.add_argument("--origin-us", type=int, required=True, help="wall time at which the play began")
    parser.add_argument("--start-us", type=int, required=True, help="plant time then")
    parser.add_argument("--speed", type=float, default=60.0, help="how many times faster")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed is another shop")
    parser.add_argument(
        "--adapter",
        type=_adapter,
        action="append",
        default=[],
        help="MACHINE=PORT: where its adapter listens",
    )
    parser.add_argument("--zmq-endpoint", required=True, help="where readings are sent")
    parser.add_argument("--load-tags", type=int, default=0, help="send so many tags at 1 Hz, nothing else")
    asked = parser.parse_args(words)
    if not asked.load_tags and not asked.adapter:
        parser.error("say where adapters listen, each as --adapter MACHINE=PORT, or how many --load-tags")
    return asked


def _adapter(word: str) -> tuple[str, int]:
    name, _, port = word.partition("=")
    if name not in [one.name for one in SHOP if one.adapter] or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{word!r} is no machine of the shop with the port of its adapter")
    return name, int(port)


def main() -> int:
    """Play until asked to end."""
    asked = arguments()
    clock = ReplayClock(asked.origin_us, asked.start_us, asked.speed)
    if asked.load_tags:
        load = sensors(clock.start, asked.load_tags, seed=asked.seed)
        play([], SensorSender(asked.zmq_endpoint, load, clock))
        return 0
    sample = sampling(asked.speed)
    servers = [
        ShdrServer(port, adapter_lines(model(name), asked.seed, clock.start, sample), clock)
        for name, port in asked.adapter
    ]
    play(servers, SensorSender(asked.zmq_endpoint, sent(clock, asked.seed, sample), clock))
    return 0


def sent(clock: ReplayClock, seed: int, sample: int) -> Iterator[Readings]:
    """Return the batches of the machines without an adapter, by time."""
    span = max(SECOND, int(clock.speed * SECOND / MESSAGES_PER_SECOND))
    each = [readings(one, seed, clock.start, sample, span) for one in SHOP if not one.adapter]
    return heapq.merge(*each, key=lambda batch: int(batch.ts[-1]))


if __name__ == "__main__":
    sys.exit(main())
