"""Every decoder of what others write, fuzzed with coverage as the guide.

    python -m bench fuzz [NAME] [--cases 1000000] [--seconds 600] [--seed 1] [--keep FOLDER] --json

``crashes``, ``hangs`` (a case that takes more than a CPU second) are 0 when all is well; ``peak_mb`` is the
largest memory of any of the processes. The suite tries a thousand cases of each.
"""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.fuzz.tried import keep as keep_last
from cluster.terminal import progress

ENDS = {-signal.SIGPROF: "hangs"}
"""How a process ends in a case without an end; every other is a crash, 71 of memory, 77 of native code."""
NONE = {"cases": 0, "crashes": 0, "hangs": 0, "peak_mb": 0.0}
"""Figures of a process that died before it told any."""


def run(
    name: str = "", *, cases: int = 1_000_000, seconds: float = math.inf, seed: int = 1, keep: str = ""
) -> dict[str, Any]:
    """Fuzz one target, or all, each in a process of its own.

    Parameters
    ----------
    cases
        So many of each target,
    seconds
        but none for longer than this.
    keep
        A folder in which cases that failed stay.
    """
    from bench.fuzz.targets import TARGETS

    names = [name] if name else list(TARGETS)
    started, found = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="seamline-fuzz-") as scratch, progress("fuzzing") as tell:
        for number, one in enumerate(names):
            tell(number, len(names))
            folder = Path(keep or scratch) / one
            found[one] = fuzz(one, TARGETS[one].examples, cases, seed, folder, seconds)
    return {
        **{key: sum(figures[key] for figures in found.values()) for key in ("cases", "crashes", "hangs")},
        "peak_mb": max(figures["peak_mb"] for figures in found.values()),
        "targets": found,
        "seconds": round(time.monotonic() - started, 1),
    }


def fuzz(
    name: str, examples: tuple[bytes, ...], cases: int, seed: int, folder: Path, seconds: float = math.inf
) -> dict[str, Any]:
    """Fuzz one target and return its figures; a process that died counts as a crash, or a hang."""
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    for number, example in enumerate(examples):
        (folder / "examples" / f"example-{number}").write_bytes(example)
    command = [
        sys.executable,
        "-m",
        "bench.fuzz.worker",
        name,
        str(cases),
        str(seed),
        str(folder),
        str(seconds),
    ]
    begun = time.monotonic()
    with (folder / "said.txt").open("wb") as said:
        code = subprocess.run(command, stdout=said, stderr=said, check=False).returncode
    told = folder / "figures.json"
    figures: dict[str, Any] = json.loads(told.read_bytes()) if told.exists() else dict(NONE, found={})
    if code:
        figures["found"][f"exit {code}"] = (folder / "said.txt").read_text(errors="replace")[-2000:]
        figures[ENDS.get(code, "crashes")] += 1
        keep_last(folder, folder / "failed")
    return figures | {"seconds": round(time.monotonic() - begun, 1)}
