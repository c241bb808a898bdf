"""Time that no correction of the clock changes: how long this PC has been on."""

from __future__ import annotations

import time
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")


def uptime() -> float:
    """Return seconds since the PC was started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """Return which start of the PC `uptime` counts from; it outlives the process."""
    return BOOT.read_text().strip()
