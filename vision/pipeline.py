"""Threads between cameras and verdicts: parts are inspected side by side and finished in order.

Parts enter in one order and leave in the same, whatever their inspection took. When many wait, a thread
takes several, for whoever judges them to look at together. At most ``depth``
parts, of `ROOM` bytes, are inside: then `offer` waits (lossless), or the oldest part that nobody has
begun makes room (newest). Every part that enters leaves through ``finish``: inspected, dropped or failed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import partial
from itertools import groupby

import structlog

from vision.assembly import Part
from vision.records import FrameLoss, Verdict

logger = structlog.get_logger(__name__)

Inspect = Callable[[Sequence[Part]], Iterable[Verdict]]
"""Judges parts, in their order, each as if it were alone; those that are equal judge alike."""

BUSY = "station_busy"
ROOM = 1 << 30
"""Bytes of pictures inside, from which on no further part is let in."""


class PipelineError(Exception):
    """Nothing more can be delivered; the cause is what delivery raised."""


def always(inspect: Inspect) -> Callable[[Part], Inspect]:
    """Return that the same one judges every part."""
    return lambda _part: inspect


def singly(judge: Callable[[Part], Verdict]) -> Inspect:
    """Return that parts are judged by one who looks at one at a time."""
    return lambda parts: map(judge, parts)


def _fail(why: Exception, _parts: Sequence[Part]) -> Iterable[Verdict]:
    raise why


def unseen(part: Part) -> Part:
    """Return a part that nobody will look at, without the pixels: what the ledger needs stays."""
    return replace(part, frames=tuple(replace(frame, encoded=b"", image=None) for frame in part.frames))


class Stage(Enum):
    """How far a job is."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()


@dataclass(slots=True, eq=False)
class Job:
    """One part on its way, or frames lost; in the end it has a verdict, or a reason why there is none."""

    part: Part | None
    losses: tuple[FrameLoss, ...] = ()
    stage: Stage = Stage.WAITING
    verdict: Verdict | None = None
    reason: str = ""
    inspect: Inspect | None = None


class Pipeline:
    """Inspect parts with ``workers`` threads.

    Parameters
    ----------
    turn
        Asked with each part as its turn comes, in order and one at a time: who judges it (`always`).
        What it returns is called from several threads at once.
    finish
        Takes finished jobs in order, from one thread; what it raises ends the pipeline (`failure`).
    workers
        Threads that inspect.
    depth
        Parts inside at the most.
    newest
        Drop waiting parts rather than make a camera wait; their pixels go at once.
    linger
        Seconds that ``finish`` waits for company while more parts are inside: what leaves together
        costs less. A part that is alone leaves at once.
    together
        Parts that a worker takes at once when as many wait for every worker.
    """

    def __init__(
        self,
        turn: Callable[[Part], Inspect],
        finish: Callable[[Sequence[Job]], None],
        workers: int,
        depth: int,
        newest: bool = False,
        linger: float = 0.0,
        together: int = 1,
    ) -> None:
        self._turn = turn
        self._finish = finish
        self._depth = depth
        self._newest = newest
        self._linger = linger
        self._together, self._crowd = together, together * workers
        lock = threading.Lock()
        self._room = threading.Condition(lock)
        self._work = threading.Condition(lock)
        self._ready = threading.Condition(lock)
        self._order: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._inside = 0
        self._held = 0
        self._closing = threading.Event()
        self.waits = 0
        """Parts for which there was no room at first, and that were waited with."""
        self.failure: BaseException | None = None
        names = [(self._inspect_all, f"inspect-{number}") for number in range(workers)]
        names.append((self._deliver_all, "deliver"))
        self._threads = [threading.Thread(target=run, name=name, daemon=True) for run, name in names]
        for thread in self._threads:
            thread.start()

    def offer(self, part: Part) -> None:
        """Let a part in; waits for room, or makes it, as the mode says.

        Raises
        ------
        PipelineError
            Nothing can be delivered any more.
        """
        job = Job(part)
        with self._room:
            if self._newest:
                self._make_room(job)
            elif not self._has_room():
                self._room.wait_for(lambda: self._has_room() or self.failure)
                self.waits += 1
            self._check()
            self._order.append(job)
            if job.stage is Stage.WAITING:
                self._waiting.append(job)
                self._inside += 1
                self._held += part.nbytes
                self._work.notify()
            self._tell_if_ready()

    def lose(self, losses: Sequence[FrameLoss]) -> None:
        """Let the loss of frames pass in its turn."""
        with self._ready:
            self._check()
            self._order.append(Job(None, tuple(losses), Stage.DONE))
            self._tell_if_ready()

    def close(self) -> None:
        """Finish what is inside and end the threads."""
        with self._work:
            self._closing.set()
            self._work.notify_all()
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()

    def _check(self) -> None:
        if self.failure:
            raise PipelineError(f"Verdicts cannot be delivered any more: {self.failure}") from self.failure

    def _has_room(self) -> bool:
        return self._inside < self._depth and self._held < ROOM

    def _make_room(self, job: Job) -> None:
        while not self._has_room() and job.stage is Stage.WAITING:
            victim = self._waiting.popleft() if self._waiting else job
            victim.stage, victim.reason = Stage.DONE, BUSY
            if victim is not job:
                self._leave([victim])
            victim.part = victim.part and unseen(victim.part)

    def _leave(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.part is not None:
                self._inside -= 1
                self._held -= job.part.nbytes

    def _inspect_all(self) -> None:
        jobs = self._next([])
        while jobs:
            for inspect, alike in groupby(jobs, lambda job: job.inspect):
                if inspect:
                    self._inspect(inspect, list(alike))
            jobs = self._next(jobs)

    def _inspect(self, inspect: Inspect, jobs: Sequence[Job]) -> None:
        """Have parts judged; where one of several fails, those without a verdict are judged one by one."""
        try:
            verdicts = inspect([job.part for job in jobs if job.part])
            for job, verdict in zip(jobs, verdicts, strict=True):
                job.verdict = verdict
        except Exception as exc:  # one part must not end the station: the loss of its frames says why
            if len(jobs) > 1:
                for job in jobs:
                    if job.verdict is None:
                        self._inspect(inspect, [job])
                return
            jobs[0].reason = f"inspection_failed: {type(exc).__name__}"
            logger.exception("inspection_failed", serial=jobs[0].part.serial if jobs[0].part else "")

    def _next(self, done: Sequence[Job]) -> list[Job]:
        """Hand in jobs and wait for others; none at the end."""
        with self._work:
            for job in done:
                job.stage = Stage.DONE
            self._tell_if_ready()
            self._work.wait_for(lambda: self._waiting or self._closing.is_set())
            count = self._together if len(self._waiting) >= self._crowd else 1
            return [self._begin(self._waiting.popleft()) for _ in range(min(count, len(self._waiting)))]

    def _begin(self, job: Job) -> Job:
        job.stage = Stage.RUNNING
        if job.part is not None:
            job.inspect = self._ask(job.part)
        return job

    def _ask(self, part: Part) -> Inspect:
        """Return who judges a part; nobody to be found fails the part, as a failed inspection does."""
        try:
            return self._turn(part)
        except Exception as exc:
            return partial(_fail, exc)

    def _deliver_all(self) -> None:
        try:
            while jobs := self._done():
                self._finish(jobs)
                with self._room:
                    self._leave([job for job in jobs if job.reason != BUSY])
                    self._room.notify_all()
        except BaseException as exc:
            with self._room:
                self.failure = exc
                self._room.notify_all()

    def _done(self) -> list[Job]:
        """Wait for the jobs at the head of the order that are done; none at the end."""
        with self._ready:
            self._ready.wait_for(lambda: self._head_done() or (self._closing.is_set() and not self._order))
            more_to_come = any(job.stage is not Stage.DONE for job in self._order)
        if more_to_come:
            self._closing.wait(self._linger)
        with self._ready:
            jobs = []
            while self._head_done():
                jobs.append(self._order.popleft())
            return jobs

    def _head_done(self) -> bool:
        return bool(self._order) and self._order[0].stage is Stage.DONE

    def _tell_if_ready(self) -> None:
        if self._head_done():
            self._ready.notify()
