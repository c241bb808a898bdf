"""Play machines as a process: adapters and a sensor gateway in threads, until asked to end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from streams.clock import SECOND
from streams.replay.sender import SensorSender
from streams.replay.server import ShdrServer

REPORT_SECONDS = 5.0


def play(servers: Sequence[ShdrServer], sender: SensorSender) -> None:
    """Run all of them until SIGTERM or SIGINT; on a terminal, say now and then how far they are."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    players: list[ShdrServer | SensorSender] = [*servers, sender]
    threads = [threading.Thread(target=player.run, args=(stop,)) for player in players]
    with ExitStack() as open_servers:
        for server in servers:
            open_servers.enter_context(server)
        for thread in threads:
            thread.start()
        while not stop.wait(REPORT_SECONDS):
            if sys.stderr.isatty():
                print(progress(servers, sender), file=sys.stderr)
        for thread in threads:
            thread.join()


def progress(servers: Sequence[ShdrServer], sender: SensorSender) -> str:
    """Return one line on how far the play is."""
    reached = max([sender.position, *(server.position for server in servers)])
    said = sum(server.said for server in servers)
    time = datetime.fromtimestamp(reached / SECOND, UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} plant time, {said} lines said, {sender.sent} readings sent"
