"""Sparkplug payloads to readings, against protobuf's C parser (upb) and a loop, in one run.

Both sides turn the same messages of one node into the same columns of readings: the alias looked up, the
number scaled, quality and time settled, nulls left out. Rounds alternate, the best of each counts, in
time of the processor: neither side waits, and what else runs on the machine must not decide.

python -m bench decode_sparkplug --json
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.sparkplug_proto import Payload
from streams.connectors.mqtt_session import Message
from streams.connectors.points import Point
from streams.connectors.sparkplug_decoder import SparkplugDecoder
from streams.records import GOOD, NULL, UNCERTAIN, Readings, Text

NOW = 1_700_000_000_000_000
TAGS = 100
"""Metrics of the node; every payload tells them all."""
MESSAGES = 200
ROUNDS = 15
DOUBLE = 10
POINTS = [Point(f"plant/edge/press/m{at}", "press", f"tag-{at}", 0.5, 1.0) for at in range(TAGS)]
TOPIC = "spBv1.0/plant/{}/edge"


def births() -> list[Message]:
    """Return the births of the node and of its device."""
    node, device = Payload(seq=0, timestamp=NOW // 1000), Payload(seq=1, timestamp=NOW // 1000)
    for at in range(TAGS):
        device.metrics.add(name=f"m{at}", alias=1000 + at, datatype=DOUBLE, double_value=0.0)
    told = ((TOPIC.format("NBIRTH"), node), (TOPIC.format("DBIRTH") + "/press", device))
    return [Message(topic, payload.SerializeToString()) for topic, payload in told]


def data(messages: int, metrics: int) -> list[Message]:
    """Return data as a device sends them: aliases, times and numbers, of some a quality."""
    rng, made = np.random.default_rng(3), []
    for number in range(messages):
        payload = Payload(seq=(2 + number) % 256, timestamp=NOW // 1000 + number)
        for at, value in enumerate(rng.normal(size=metrics).tolist()):
            metric = payload.metrics.add(alias=1000 + at, timestamp=NOW // 1000 + number, double_value=value)
            if at % 50 == 7:
                metric.properties.keys.append("Quality")
                metric.properties.values.add(type=3, int_value=500)
        made.append(Message(TOPIC.format("DDATA") + "/press", payload.SerializeToString()))
    return made


def ours(messages: Sequence[Message], together: int) -> Callable[[], list[Readings]]:
    """Return the connector's own decoding, so many messages at a time."""
    decoder, born = SparkplugDecoder(POINTS), births()

    def run() -> list[Readings]:
        decoder.decode(born, NOW)
        parts = (messages[at : at + together] for at in range(0, len(messages), together))
        told = [decoder.decode(part, NOW) for part in parts]
        return [item.readings for one in told for item in one.decoded if len(item.readings)]

    return run


def protobuf(messages: Sequence[Message], together: int) -> Callable[[], list[Readings]]:
    """Return the same by protobuf's parser and a loop over the metrics, columns at the end."""
    known = {1000 + at: at for at in range(TAGS)}
    scale = np.array([point.scale for point in POINTS])
    offset = np.array([point.offset for point in POINTS])
    tags = Text.of([point.tag for point in POINTS])

    def part(chosen: Sequence[Message]) -> Readings:
        slots: list[int] = []
        times: list[int] = []
        values: list[float] = []
        qualities: list[int] = []
        for message in chosen:
            payload = Payload.FromString(message.payload)
            at = payload.timestamp
            for metric in payload.metrics:
                slot = known.get(metric.alias)
                if slot is None or metric.is_null:
                    continue
                slots.append(slot)
                times.append(metric.timestamp or at)
                values.append(metric.double_value)
                qualities.append(_quality(metric) if metric.HasField("properties") else GOOD)
        slot_column = np.array(slots, dtype=np.int64)
        return Readings(
            machine=Text.constant("press", len(slots)),
            tag=tags[slot_column],
            ts=np.array(times, dtype=np.int64) * 1000,
            value=np.array(values) * scale[slot_column] + offset[slot_column],
            text=Text.constant(None, len(slots)),
            quality=np.array(qualities, dtype=np.int16),
            source_ts=np.full(len(slots), NULL, dtype=np.int64),
        )

    return lambda: [part(messages[at : at + together]) for at in range(0, len(messages), together)]


def _quality(metric: Any) -> int:
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=True):
        if key == "Quality":
            return GOOD if value.int_value == 192 else UNCERTAIN
    return GOOD


def same(left: Sequence[Readings], right: Sequence[Readings]) -> bool:
    """Tell whether both read the same."""
    return all(
        np.array_equal(one.ts, other.ts)
        and np.array_equal(one.value, other.value)
        and np.array_equal(one.quality, other.quality)
        and one.tag.to_list() == other.tag.to_list()
        for one, other in zip(left, right, strict=True)
    )


def best(works: Sequence[Callable[[], object]]) -> list[float]:
    """Return the processor's seconds of each at its best, the rounds taken in turns."""
    found = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for number, work in enumerate(works):
            start = time.process_time()
            work()
            found[number] = min(found[number], time.process_time() - start)
    return found


def compare(messages: int, metrics: int, together: int) -> tuple[float, float]:
    """Return our readings per second and how many times faster than the peer that is."""
    made = data(messages, metrics)
    left, right = ours(made, together), protobuf(made, together)
    if not same(left(), right()):
        raise AssertionError("the two decoders do not read the same")
    mine, theirs = best([left, right])
    return messages * metrics / mine, theirs / mine


def run() -> dict[str, Any]:
    """Return the figures: messages of 100 metrics as a busy broker delivers them, and harder cases."""
    rate, ratio = compare(MESSAGES, TAGS, 50)
    _, alone = compare(MESSAGES, TAGS, 1)
    _, small = compare(10 * MESSAGES, 10, 50)
    return {
        "sparkplug_readings_per_s": round(rate),
        "sparkplug_vs_protobuf": round(ratio, 1),
        "sparkplug_one_by_one_vs_protobuf": round(alone, 1),
        "sparkplug_10_metrics_vs_protobuf": round(small, 1),
    }
