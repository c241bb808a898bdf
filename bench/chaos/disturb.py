"""What befalls a plant: kills at random moments, a takeover, a cut, a silence, a full disk, a torn log."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.chaos import disk
from bench.chaos.compare import committed, epoch
from bench.chaos.processes import DATABASE, PATIENCE, Processes
from streams.log.tail import last_entry

VICTIMS = ("shard", "appender", "gateway", DATABASE)
NEW_FIRST = 0.7
"""Share of the kills that wait until something new was committed; the others hit a start, or a recovery."""
MOMENT = 0.6
"""Seconds within which the moment of a kill is drawn."""
TAKEOVERS, TEARS = 3, 4
FENCED = "was taken over by another process"

Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Disturbances:
    """How much befell the plant."""

    kills_of: Counter[str] = field(default_factory=Counter)
    """How often each was killed."""
    takeovers: int = 0
    fenced: int = 0
    """How many stalled writers, once they went on, ended because they had been fenced off."""
    cut_s: float = 0.0
    silent_s: float = 0.0
    disks_filled: int = 0
    tails_torn: int = 0


class Absence(NamedTuple):
    """For how many seconds the database goes without."""

    cut_s: float
    """Its processes: it was stopped."""
    silent_s: float
    """An answer: its processes stand still, and its connections stay."""


class Disturber:
    """Disturb a plant at moments drawn from a seed, one disturbance after another.

    Parameters
    ----------
    log
        The shard's log folder.
    aside
        Where finished segments of the log are kept.
    """

    def __init__(self, processes: Processes, shard: str, log: Path, aside: Path) -> None:
        self._processes, self._shard = processes, shard
        self._log, self._aside = log, aside
        self._chance = random.Random()
        self.done = Disturbances()

    def run(self, kills: int, absence: Absence, full_disk: bool, seed: int, tell: Tell) -> None:
        """Do it all, at moments and in an order drawn from the seed, to a plant that is at work."""
        self._chance.seed(seed)
        steps = list(self._steps(kills, absence, full_disk))
        self._chance.shuffle(steps)
        self._await_news()
        for number, step in enumerate(steps):
            tell(number, len(steps))
            step()
        tell(len(steps), len(steps))

    def _steps(self, kills: int, absence: Absence, full_disk: bool) -> Iterator[Callable[[], None]]:
        victims = [name for name in VICTIMS if name in self._processes.names]
        for number in range(kills):
            yield partial(self.kill, victims[number % len(victims)])
        few = kills < len(victims) * TEARS
        yield from [self.take_over] * (1 if few else TAKEOVERS)
        for kind in [self._chance.randrange(TEARS)] if few else range(TEARS):
            yield partial(self.tear, kind)
        yield partial(self.cut, absence.cut_s)
        yield partial(self.silence, absence.silent_s)
        if full_disk:
            yield self.fill_disk

    def kill(self, victim: str) -> None:
        """Kill a process, most often some time after something new was committed."""
        if self._chance.random() < NEW_FIRST:
            self._await_news()
        self._processes.wait(self._chance.uniform(0.0, MOMENT))
        self._processes.wait_for(partial(self._processes.alive, victim))
        self.kill_at_once(victim)

    def take_over(self) -> None:
        """Stall the shard in whatever it does, let another take over, then let the zombie go on."""
        self._await_news()
        self._processes.wait(self._chance.uniform(0.0, MOMENT))
        before = epoch(self._processes.dsn, self._shard)
        told = self._processes.said("shard").count(FENCED)
        zombie = self._processes.stall("shard")
        try:
            self._processes.wait_for(lambda: epoch(self._processes.dsn, self._shard) > before)
            self._await_news()
        finally:
            zombie.send_signal(signal.SIGCONT)
        code = zombie.wait(PATIENCE)
        self.done.takeovers += 1
        self.done.fenced += code == 1 and self._processes.said("shard").count(FENCED) > told

    def cut(self, seconds: float) -> None:
        """Take the database away for so long; the shard is killed meanwhile, too."""
        self._await_news()
        with self._processes.held(DATABASE):
            self._processes.database.stop()
            self._sit_out(seconds)
        self.done.cut_s += seconds
        self._await_news()

    def silence(self, seconds: float) -> None:
        """Let the database fall silent in the middle of its work; the shard is killed meanwhile, too."""
        self._await_news()
        self._processes.wait(self._chance.uniform(0.0, MOMENT))
        with self._processes.silent_database():
            self._sit_out(seconds)
        self.done.silent_s += seconds
        self._await_news()

    def _sit_out(self, seconds: float) -> None:
        self._processes.wait(seconds / 2)
        self.kill_at_once("shard")
        self._processes.wait(seconds / 2)

    def fill_disk(self) -> None:
        """Fill the log's disk until the appender refuses, kill it then, and make room again."""

        def full() -> bool:
            disk.keep(self._log, self._aside)
            disk.fill(self._log.parent)
            return bool(self._processes.trouble("appender", "log"))

        try:
            self._processes.wait_for(full)
            for victim in ("appender", "gateway"):
                self.kill_at_once(victim)
            self._processes.wait(self._chance.uniform(1.0, 3.0))
        finally:
            disk.free(self._log.parent)
        self.done.disks_filled += 1
        self._await_news()

    def kill_at_once(self, victim: str) -> None:
        """Kill a process now, if it is there to be killed."""
        if victim in self._processes.names and self._processes.alive(victim):
            self._processes.kill(victim)
            self.done.kills_of[victim] += 1

    def tear(self, kind: int) -> None:
        """Kill the appender and leave what a loss of power may leave behind its last entry."""
        with self._processes.held("appender"):
            self.kill_at_once("appender")
            entry = last_entry(self._log)
            position = 0 if entry is None else entry.position
            disk.tear(self._log, disk.torn(kind, position, self._chance))
        self.done.tails_torn += 1
        self._await_news()

    def _await_news(self) -> None:
        before = self._committed()
        self._processes.wait_for(lambda: self._committed() > before)

    def _committed(self) -> int:
        return committed(self._processes.dsn, self._shard)
