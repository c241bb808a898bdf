"""Processes of a plant that Ray does not own: each may die alone, and is started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

logger = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
STEADY_SECONDS = 10.0
"""A process that lived so long is started again at once; one that dies sooner waits longer each time."""


@dataclass
class Child:
    """A Python module run as a process of its own, with its output in a file."""

    name: str
    arguments: list[str]
    log_file: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    _started: float = 0.0
    _hasty: int = 0

    def start(self) -> None:
        """Start the process; it ends with this one, however this one ends."""
        guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                [*guard, sys.executable, "-m", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self._started = time.monotonic()

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
        self.process = None
