"""Recorded data played as live machines: over the same sockets, at the pace of one clock."""

from streams.replay.recorded import (
    MissingDataError,
    machine_tags,
    recorded_lines,
    recorded_sensors,
    sensor_tags,
)
from streams.replay.sender import JsonLines, SensorSender
from streams.replay.server import ShdrServer

__all__ = [
    "JsonLines",
    "MissingDataError",
    "SensorSender",
    "ShdrServer",
    "machine_tags",
    "recorded_lines",
    "recorded_sensors",
    "sensor_tags",
]
