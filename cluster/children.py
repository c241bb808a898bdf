"""Processes of a plant that Ray does not own: each may die alone, and is started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from engine import logs

logger = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
STEADY_SECONDS = 10.0
"""A process that lived so long is started again at once; one that dies sooner waits longer each time."""


def end_with_me() -> list[str]:
    """Return what goes before a command so that its process ends with this one, where that can be had."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []


@dataclass
class Child:
    """A Python module run as a process of its own, with what it says in a file."""

    name: str
    arguments: list[str]
    log_file: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    _file: logs.LogFile = field(init=False)
    _listener: threading.Thread | None = None
    _started: float = 0.0
    _hasty: int = 0

    def __post_init__(self) -> None:
        self._file = logs.LogFile(self.log_file)

    def start(self) -> None:
        """Start the process; it ends with this one, however this one ends."""
        listening, speaking = os.pipe()
        os.set_blocking(speaking, False)  # a process never waits for the one that files what it says
        try:
            self.process = subprocess.Popen(
                [*end_with_me(), sys.executable, "-m", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=speaking,
                stderr=speaking,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        finally:
            os.close(speaking)
        self._listener = threading.Thread(target=self._listen, args=[listening], daemon=True)
        self._listener.start()
        self._started = time.monotonic()

    def _listen(self, listening: int) -> None:
        with os.fdopen(listening, "rb") as lines:
            logs.relay(lines, self.name, self._file)

    def watch(self) -> None:
        """Start the process again if it has died."""
        if self.process is None or self.process.poll() is None:
            return
        lived = time.monotonic() - self._started
        self._hasty = 0 if lived > STEADY_SECONDS else self._hasty
        if lived < min(0.5 * 2**self._hasty, STEADY_SECONDS):
            return
        logger.warning("process died", name=self.name, code=self.process.returncode, log=str(self.log_file))
        self._hasty += 1
        self.restarts += 1
        self.start()

    def stop(self) -> None:
        """Ask the process to end, and end it when it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("process does not stop, killing it", name=self.name)
            self.process.kill()
            self.process.wait()
        if self._listener is not None:
            self._listener.join(STOP_SECONDS)
        self._file.close()
        self.process = None
