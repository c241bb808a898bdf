"""Play machines as a process: an adapter and a sensor gateway in threads, until asked to end."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import UTC, datetime

from streams.clock import SECOND
from streams.replay.sender import SensorSender
from streams.replay.server import ShdrServer

REPORT_SECONDS = 5.0


def play(server: ShdrServer, sender: SensorSender) -> None:
    """Run both until SIGTERM or SIGINT; on a terminal, say now and then how far they are."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = [threading.Thread(target=player.run, args=(stop,)) for player in (server, sender)]
    with server:
        for thread in threads:
            thread.start()
        while not stop.wait(REPORT_SECONDS):
            if sys.stderr.isatty():
                print(progress(server, sender), file=sys.stderr)
        for thread in threads:
            thread.join()


def progress(server: ShdrServer, sender: SensorSender) -> str:
    """Return one line on how far the play is."""
    time = datetime.fromtimestamp(max(server.position, sender.position) / SECOND, UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} plant time, {server.said} lines said, {sender.sent} readings sent"
