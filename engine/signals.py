"""How a process of Seamline is asked to end."""

from __future__ import annotations

import signal
import threading

ENDING = (signal.SIGTERM, signal.SIGINT)
"""Signals by which a process is asked to end."""


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; to be called by the main thread of a process."""
    stop = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda *_: stop.set())
    return stop
