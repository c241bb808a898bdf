"""The plant that is disturbed: a press told of by a station, a mill behind the gateway."""

from __future__ import annotations

from typing import Any

from engine.paths import Home
from engine.plant import Plant
from streams.clock import SECOND

SOURCE = "sensors"
"""The gateway's source, and the name of its socket."""
MILL = "mill"
PRESS = "press"
SENSOR = "vibration"

LATE = {7: 9 * SECOND, 41: 20 * SECOND, 53: 90 * SECOND}
"""Every so many steps readings come so late: in disorder, within the allowance, beyond it."""
SPEED = 30.0
"""Plant time runs faster, so that a short run closes many windows, alarms and shifts' accounts."""


def machine(name: str) -> dict[str, Any]:
    """Return a machine of the plant file."""
    return {
        "name": name,
        "tags": [{"name": "load", "detect": True}, {"name": "execution", "type": "text"}],
        "sensors": [{"name": SENSOR}],
        "disorder_s": 6,
        "allowance_s": 30,
        "idle_after_s": 60,
        "minor_stop_s": 15,
    }


PLANT: dict[str, Any] = {
    "name": "chaos",
    "machines": [machine(PRESS)],
    "stations": [{"name": "gate", "cameras": [], "judges": PRESS}],
}
"""What needs no gateway."""


def plant(home: Home, now: int) -> Plant:
    """Return the whole plant, whose clock begins now (microseconds) and whose log begins new files often."""
    source = {"kind": "zeromq", "name": SOURCE, "endpoint": home.socket(SOURCE)}
    more = {
        "machines": [machine(PRESS), machine(MILL)],
        "sources": [source],
        "replay": {"origin_us": now, "start_us": now, "speed": SPEED},
        "log": {"segment_mb": 2},
        "outbox": {"url": "http://127.0.0.1:9", "stopped_after_s": 5},
    }
    return Plant.model_validate(PLANT | more)
