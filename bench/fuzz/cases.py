"""Cases tried one after another, and what came of them."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import time
import traceback
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from bench.fuzz.files import tidy
from bench.fuzz.targets import Target
from bench.fuzz.tried import Tried

HANG_SECONDS = 1.0
"""CPU seconds after which a case counts as a hang."""
DEAD_SECONDS = 30.0
"""CPU seconds after which a case ends the process, native code too.

The wall's go on while the process waits for a core, or stands still.
"""
TOLD_EVERY = 10_000
"""Cases after which the figures are written."""


@dataclass(slots=True)
class Figures:
    """What came of it; crashes are counted once for each place in the code."""

    cases: int = 0
    crashes: int = 0
    hangs: int = 0
    peak_mb: float = 0.0
    found: dict[str, str] = field(default_factory=dict)
    """Place of a crash -> the exception, and the file that repeats it."""


class Cases:
    """Try cases on a target until there were enough or its time is up, then write what came and end."""

    def __init__(self, target: Target, cases: int, folder: Path, seconds: float = math.inf) -> None:
        self._target, self._cases, self._folder = target, cases, folder
        self._failed = folder / "failed"
        self._end = time.monotonic() + seconds
        self._failed.mkdir(exist_ok=True)
        self._tried = Tried(folder)
        self.figures = Figures()

    def __call__(self, data: bytes) -> None:
        """Try a case."""
        self._tried.note(data)
        signal.setitimer(signal.ITIMER_PROF, DEAD_SECONDS)
        begun = time.process_time()
        try:
            self._target(data)
        except Exception as exc:  # whatever it is, it is what is looked for
            self._note(exc, data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if time.process_time() - begun > HANG_SECONDS:
            self.figures.hangs += 1
            self._keep(data)
        self.figures.cases += 1
        if not self.figures.cases % TOLD_EVERY:
            self._tell()
        if self.figures.cases >= self._cases or time.monotonic() > self._end:
            self.finish()

    def _note(self, exc: Exception, data: bytes) -> None:
        frame = traceback.extract_tb(exc.__traceback__)[-1]
        place = f"{type(exc).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        if place not in self.figures.found:
            self.figures.found[place] = f"{exc} ({self._keep(data)})"[:500]
            self.figures.crashes += 1

    def _keep(self, data: bytes) -> Path:
        path = self._failed / sha256(data).hexdigest()[:16]
        path.write_bytes(data)
        return path

    def finish(self) -> None:
        """Write the figures and end the process: libFuzzer would go on to its own report."""
        self._tell()
        tidy()
        os._exit(0)

    def _tell(self) -> None:
        """Write the figures: what is there of them when the process dies."""
        self.figures.peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        (self._folder / "figures.json").write_text(json.dumps(asdict(self.figures)), encoding="utf-8")
