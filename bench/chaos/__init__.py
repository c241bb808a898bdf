"""Kill, stall, cut, silence, fill and tear a running plant; compare every row with an undisturbed replay.

    python -m bench chaos [--kills 100] [--cut-s 120] [--silent-s 30] [--full-disk 1] [--seed 1] --json

Real processes (gateway, appender, shard, database), really killed (SIGKILL), while a device behind the
gateway and a station send known readings, states, verdicts and garbage. At the end everything that was
acknowledged is in the log and in the database exactly once, and the database holds exactly what one
undisturbed run over the same log writes into a fresh one.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.chaos.compare import committed, counts, differences, rows
from bench.chaos.disk import small_disk
from bench.chaos.disturb import Absence
from bench.chaos.feed import Feed, entries
from bench.chaos.plant import PLANT, plant
from bench.chaos.processes import Processes
from bench.chaos.trial import Trial
from cluster.terminal import progress
from engine.paths import Home

__all__ = ["PLANT", "Feed", "Processes", "committed", "counts", "differences", "entries", "rows", "run"]

DISK_BYTES = 256 << 20


def run(
    *, kills: int = 100, cut_s: float = 120.0, silent_s: float = 30.0, full_disk: int = 1, seed: int = 1
) -> dict[str, Any]:
    """Disturb a plant and compare: ``lost``, ``duplicated`` and ``differs`` are 0 when all is well.

    Parameters
    ----------
    kills
        So many processes are killed, a gateway as often as a database; the other disturbances kill more.
    cut_s
        Seconds for which the database is away.
    silent_s
        Seconds for which it is there and says nothing.
    full_disk
        0 leaves the full disk out, which needs a root that may mount.
    seed
        Draws victims, moments and order.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        home = Home(Path(tempfile.mkdtemp(prefix="seamline-chaos-")))
        if full_disk:
            stack.enter_context(small_disk(home.log, DISK_BYTES))
        trial = Trial(home, plant(home, time.time_ns() // 1000))
        stack.callback(trial.close)
        with progress("disturbing") as tell:
            trial.disturb(kills, Absence(cut_s, silent_s), bool(full_disk), seed, tell)
        result = {**trial.settle(), "seconds": round(time.monotonic() - started, 1)}
    shutil.rmtree(home.root)  # one that failed is left to be looked at
    return result
