"""Valid messages of every protocol, small, each with all that its format knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bench.sparkplug_proto import Payload

JSON_LINES = b"""
{"machine": "press", "tag": "load", "ts": 1700000000000000, "value": 1.5, "quality": 0}
{"machine": "press", "tag": "mode", "ts": "2023-11-14T22:13:20Z", "text": "AUTO", "source_ts": 17}
{"machine": "press", "tag": "load", "ts": 1700000000000001, "value": NaN}
"""
SHDR = b"""* seamline-shift: 1000000 1700000000000000
* PONG 10000
2023-11-14T22:13:20.123456Z|load|1.5|execution|ACTIVE
2023-11-14T22:13:21Z|system|FAULT|17|HIGH|over|Spindle too hot
2023-11-14T22:13:22Z|@ASSET@|T1|CuttingTool|--multiline--AB
<CuttingTool/>
--multiline--AB
2023-11-14T22:13:23Z@100|load|UNAVAILABLE
"""
CSV = b"""time;heat;mode;more
2023-11-14T22:13:20Z;1.5;AUTO;x
2023-11-14 22:13:21.5+08:00;"2,5";"MAN
UAL";y
noon;;;
"""
MQTT = (
    b"line/heat",
    b'{"value": [1.5, 2], "at": 1700000000000}',
    b"line/mode",
    b"AUTO",
    b"line/other",
    b'{"machine": "press", "tag": "load", "ts": 1700000000000000, "value": 1}',
)
PLANT_FILES = (
    b"""
name: !!str Hall 3
timezone: Asia/Shanghai
machines:
  - name: mill-1
    ideal_cycle_s: 95
    shifts: [{name: early, start: "06:00", end: "14:00", weekdays: [0, 1], breaks: [["10:00", "10:15"]]}]
    states: {WARMUP: setup}
    tags: &tags
      - {name: execution, type: text}
      - {name: temperature, unit: C, detect: true}
  - {name: mill-2, tags: *tags}
""",
    b"""
name: Hall 3
machines: [{name: mill-1, tags: [{name: load}]}]
sources:
  - {kind: zeromq, name: sensors, endpoint: "tcp://127.0.0.1:5555"}
stations:
  - {name: weld, judges: mill-1, cameras: [{kind: simulated, name: c, view: front, rate: 2, seed: 1}]}
log: {max_gb: 1e1, segment_mb: 64}
retention: {readings: 90, evidence: {OK: 30}}
outbox: {url: "https://planning.example/events"}
""",
)


Sent = tuple[str, list[dict[str, Any]], int | None]
"""Topic, metrics and number of a message."""


def sparkplug(now: int) -> Iterator[Iterator[bytes]]:
    """Yield topics and payloads: a device's birth, data and death; a node's; ``now`` is in milliseconds."""
    session = {"name": "bdSeq", "datatype": 8, "long_value": 4}
    heat = {"name": "Heat", "alias": 1, "datatype": 10, "double_value": 20.0}
    force = {"name": "Force", "alias": 2, "datatype": 10, "double_value": 1.0}
    born: Sent = ("NBIRTH/edge", [session, heat], 0)
    device: list[Sent] = [
        ("DBIRTH/edge/press", [force], 1),
        ("DDATA/edge/press", [{"alias": 2, "timestamp": now, "double_value": 2.5}], 2),
        ("DDEATH/edge/press", [], 3),
    ]
    node: list[Sent] = [("NDATA/edge", [{"alias": 1, "is_null": True}], 1), ("NDEATH/edge", [session], None)]
    yield _told([born, *device], now)
    yield _told([born, *node], now)


def _told(messages: Iterable[Sent], now: int) -> Iterator[bytes]:
    for topic, metrics, seq in messages:
        payload = Payload(metrics=metrics, timestamp=now, **({} if seq is None else {"seq": seq}))
        yield f"spBv1.0/plant/{topic}".encode()
        yield payload.SerializeToString()
