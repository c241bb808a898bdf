"""Recorded data played as live machines: over the same sockets, at the pace of one clock."""

from streams.replay.recorded import machine_tags, recorded_lines, recorded_sensors, sensor_tags
from streams.replay.sender import SensorSender
from streams.replay.server import ShdrServer

__all__ = [
    "SensorSender",
    "ShdrServer",
    "machine_tags",
    "recorded_lines",
    "recorded_sensors",
    "sensor_tags",
]
