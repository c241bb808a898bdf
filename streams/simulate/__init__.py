"""A simulated cell: a machine that cuts parts, stops and fails, and sensors of a pump that wears out.

Everything follows from a seed and a start time, so that a run can be repeated. The lines and batches
go through the same connectors as those of real machines; nothing here opens a socket or waits.
"""

from streams.simulate.machine import Habits, Line, machine_lines, machine_tags
from streams.simulate.sensors import load_tags, pump_batches, sensor_tags, sensors

__all__ = [
    "Habits",
    "Line",
    "load_tags",
    "machine_lines",
    "machine_tags",
    "pump_batches",
    "sensor_tags",
    "sensors",
]
