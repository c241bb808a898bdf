"""An inspection station: it owns its cameras, judges what they show and appends what it says.

One thread a camera, one that lets parts go whose time is up, one a core that inspects, one that puts
evidence on disk and then appends the verdicts to the log, in order. The first two wait where there is no
room; the one that looks after cameras, recipes and models never does. Pixels never leave the process. Every
captured frame ends as part of a verdict or as a loss with its reason; after a clean stop the ledger is
closed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from urllib.parse import quote
from zoneinfo import ZoneInfo

import cv2

from engine.cameras import Lines, Opener, open_camera
from engine.changeover import Changeover
from engine.paths import Home
from engine.plant import Camera, Judging, Plant, StationSection
from engine.plant.machines import build_calendar
from engine.recipe import exposed, sections_of
from engine.release import Gate
from engine.station_account import Account
from engine.station_cameras import Cameras
from engine.station_drift import Drift
from engine.station_judge import StationJudge
from engine.station_line import meet, name_parts
from engine.station_log import StationLog, loss_of, loss_of_missed
from engine.station_models import Models
from engine.station_repeats import StationRepeats
from engine.station_report import StationStats
from engine.station_shadow import Shadow
from engine.station_tally import Trail
from engine.vocabulary import recipes_of
from streams.log.abc import Kind, Producer
from vision.assembly import Assembly, Part, Stray
from vision.cameras import CameraError, Run
from vision.detect import TOGETHER, Detector
from vision.evidence import EvidenceStore, sync_folders
from vision.ledger import Balance, Ledger
from vision.pipeline import Inspect, Job, Pipeline, singly
from vision.records import Frame, Missed, Verdict

RETRY = 2.0
"""Seconds between attempts to write evidence again."""
BEAT = 0.1
"""Seconds between looks at what must end."""
LOOK = 1.0
"""Seconds between looks at what may change: which cameras there are, what the log has."""
LINGER = 0.1
"""Seconds that a verdict waits, while other parts are inside, to reach disk and log together with them."""
DEPTH = 48
"""Parts inside a lossless station, or 12 a core: they wait in groups, are judged, and linger."""
NO_EVIDENCE = "evidence_not_written"


class Station:
    """Run one station until it is told to stop.

    Parameters
    ----------
    section, plant
        What the plant file says.
    home
        Where evidence, models and the run's number are kept.
    producer
        Connection to the log; the caller flushes and closes it.
    opener
        Opens cameras; None opens what the section names.
    detector
        The model in use; None loads the section's.
    trail
        The log as it can be read, to account for what a killed run had captured; None: it is not.
    roster
        Tells which cameras there are now, asked once a second; None: those of the section, always.

    Raises
    ------
    ModelError
        A model or the bank of good parts is not there or not whole.
    """

    def __init__(
        self,
        section: StationSection,
        plant: Plant,
        home: Home,
        producer: Producer,
        opener: Opener | None = None,
        detector: Detector | None = None,
        trail: Trail | None = None,
        roster: Callable[[], Sequence[Camera]] | None = None,
    ) -> None:
        self.name = section.name
        self.ledger = Ledger()
        self._section = section
        self._clock = plant.clock()
        self._cores = len(os.sched_getaffinity(0))
        self._recipe = section_of(section, plant)
        known = sections_of(section, plant)
        self._recipes = {item.part_number: item for item in known}
        shifts = build_calendar(section.shifts, ZoneInfo(plant.timezone)) if section.shifts else None
        self._gate = Gate(section.name, home, self._recipes, section.light, shifts, self._clock.now)
        self._models = Models(section.name, known, home, detector, recipes_of(plant))
        self._shadow = Shadow(section.name, self._recipe, home, partial(_say_shadow, producer))
        self._drift = Drift(section.name, home.drift(section.name))
        self._evidence = EvidenceStore(home.evidence, section.name)
        self._number = next_number(home, section.name)
        self._assembly = Assembly(self._recipe.views, section.patience_s)
        self._entry = threading.Lock()  # keeps parts in order; its holder may wait for room
        self._stop, self._over, self._ripe = threading.Event(), threading.Event(), threading.Event()
        self._log = StationLog(section.name, producer, self.ledger, self._clock.now)
        self._troubles: dict[str, str] = {}
        self._may_change = roster is not None or section.handshake is not None
        self._roster = roster or (lambda: section.cameras)
        views = {camera.name: camera.view for camera in section.cameras}
        self._account = Account(
            home.tally, self._number, self.ledger, self._log, trail, views, self._clock.now
        )
        opener = opener or partial(open_camera, replay=plant.replay, lines=Lines())
        self._cameras = Cameras(self._number, opener, self._clock.now, self, self._account.marks)
        self._changeover = Changeover(self._recipes, self._cameras.opened)
        judging = self._models.inspectors, self._gate, self._changeover.stale
        self._judge = StationJudge(section.name, *judging)
        naming = name_parts(section, home, self._gate)
        told = section, self._recipe.views, self._judge, naming, self._cameras, self._trouble
        self._naming, self._line = naming, meet(*told, self._ripe.set, self._gate.note, self._clock.now)
        self._repeats = StationRepeats(self._recipe.limits.repeats, named=naming is not None)
        self._gathering = self._line or self._assembly

    def run(self, stop: threading.Event) -> None:
        """Inspect until ``stop`` is set or every camera has ended.

        Raises
        ------
        PipelineError
            Verdicts could not be delivered any more.
        """
        cv2.setNumThreads(1)
        self._stop = stop
        self._log.report(avail="AVAILABLE", execution="ACTIVE")
        newest = self._section.mode == "newest"
        depth = self._cores + len(self._section.cameras) if newest else max(DEPTH, 12 * self._cores)
        told = self._judge_of, self._deliver, self._cores, depth, newest, LINGER, TOGETHER
        self._pipeline = Pipeline(*told)
        if self._line:
            self._line.start()
        try:
            with self._letting_go():
                self._watch()
            self._let_go(self._gathering.finish)
        finally:
            self._cameras.stop()
            self._pipeline.close()
            self._leave_line()
            self._shadow.close()
            self._drift.close()
            self._evidence.close()
        self._gate.report(self._log.release, self._log.acknowledged)
        self._log.report(avail="UNAVAILABLE")
        if failure := self._pipeline.failure or next(iter(self._cameras.failures), None):
            raise failure
        self._account.close()

    def stats(self) -> StationStats:
        """Return counts, rate, the last verdict and what is wrong; from any thread."""
        known = self.ledger.cameras()
        return StationStats(
            station=self.name,
            frames=self.ledger.total(),
            cameras={name: known.get(name, Balance()) for name in self._cameras.names},
            offsets=self._cameras.offsets(),
            verdicts=self._log.counts(),
            rate=self._log.rate(),
            last=self._log.last,
            troubles={
                **self._troubles,
                **self._models.troubles,
                **self._judge.troubles,
                **self._shadow.troubles,
                **self._cameras.troubles,
            },
            shadow=(self._shadow.inspected, self._shadow.passed_by),
            drift=self._drift.windows(),
            drift_trouble=self._drift.trouble,
            drift_progress=(self._drift.progress(False), self._drift.progress(True)),
            line=self._line.parts() if self._line else (),
        )

    def begin(self, run: Run, opening: int) -> None:
        """Hear that a camera's run begins.

        Raises
        ------
        CameraError
            The disk has no room to note how far it will be.
        """
        try:
            self._account.begin(run, opening)
        except OSError as exc:
            why = (
                f"Camera {run.camera}: how far it is cannot be noted: {exc.strerror}; make room on the disk."
            )
            raise CameraError(why) from exc

    def take(self, run: Run, frame: Frame) -> float:
        """Take a frame, and note what was missed before it; return for how many seconds there was no room."""
        began, waits = time.monotonic(), self._pipeline.waits
        if frame.before:
            self.lose(run, frame.before, frame.ts)
        self.ledger.captured(frame.camera, frame.run, frame.sequence, frame.sequence)
        self._account.captured(run, frame)
        with self._entry:
            self._pass_on(self._ended_by(frame, time.monotonic()))
        return time.monotonic() - began if self._pipeline.waits > waits else 0.0

    def lose(self, run: Run, missed: Sequence[Missed], ts: int | None = None) -> None:
        """Take note of frames that never came, as it was known at ``ts``, or is known now."""
        known = self._clock.now() if ts is None else ts
        for frames in missed:
            if frames.frames:
                self.ledger.captured(run.camera, run.name, frames.first, frames.last)
        with self._entry:
            self._pipeline.lose([loss_of_missed(self.name, run, frames, known) for frames in missed])

    def _watch(self) -> None:
        """Look after the cameras, and what may change, until all have ended."""
        look_at = 0.0
        while True:
            if self._cameras.failures:
                self._stop.set()
            if self._stop.is_set():
                self._cameras.stop()
            elif time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK
                self._follow(self._producing())
                self._gate.report(self._log.release, self._log.acknowledged)
                self._account.look()
                self._models.look()
                self._shadow.look()
                self._drift.look()
            if not self._going():
                break
            self._cameras.changed.wait(BEAT)
            self._cameras.changed.clear()

    def _producing(self) -> Judging:
        """Return the recipe of the parts that come: where the line brings their number, of the last one."""
        return self._recipes.get(self._gate.number, self._recipe) if self._line else self._recipe

    def _follow(self, recipe: Judging) -> None:
        """Read the cameras as a recipe exposes them, once it is known whether the station is released."""
        roster = self._roster()
        self._changeover.look(roster)
        cameras = exposed(roster, recipe)
        self._gate.look(cameras, self._judge.inspector(recipe.part_number))
        self._repeats.follow(cameras)
        self._cameras.follow(cameras)

    def _going(self) -> bool:
        """Whether a camera is read, or all were taken down and others may come."""
        awaited = self._may_change and self._cameras.idle and not self._stop.is_set()
        return self._cameras.alive or awaited

    @contextmanager
    def _letting_go(self) -> Iterator[None]:
        """Let parts go whose time is up, in a thread that waits for room, as those of cameras do."""
        thread = threading.Thread(target=self._let_ripe_go, name="let-go", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._ripe.set()
            thread.join()

    def _let_ripe_go(self) -> None:
        try:
            while not self._over.is_set():
                self._ripe.wait(BEAT)
                self._ripe.clear()
                self._let_go(lambda: self._gathering.expire(time.monotonic()))
        except BaseException as exc:
            self._cameras.failures.append(exc)
            self._cameras.changed.set()

    def _let_go(self, ripe: Callable[[], Sequence[Part | Stray]]) -> None:
        """Let parts go that wait no longer."""
        with self._entry:
            self._pass_on(ripe())

    def _ended_by(self, frame: Frame, now: float) -> Sequence[Part | Stray]:
        """Return what a frame makes whole, and what it leaves without a part."""
        if self._line:
            return self._line.add(frame, now)
        ended = self._assembly.add(frame, now)
        return [*([ended] if ended else []), *self._assembly.overflow()]

    def _pass_on(self, items: Sequence[Part | Stray]) -> None:
        """Let parts be judged, and frames that are of none end in the ledger."""
        for item in items:
            if isinstance(item, Stray):
                self._pipeline.lose([loss_of(self.name, item.frame, item.outcome, item.reason)])
            else:
                self._pipeline.offer(self._repeats.compared(item))

    def _judge_of(self, _part: Part) -> Inspect:
        """Return who judges a part whose turn it is: asked in the order of the parts, one at a time."""
        if self._line:
            return singly(self._line.judge)
        turn = self._judge.turn(self._section.part_number)
        return singly(partial(self._naming.applied, turn)) if self._naming else turn

    def _leave_line(self) -> None:
        """Say good-bye to the line; what it triggered at the last moment was refused, and is on record."""
        if self._line:
            self._line.close()
            for item in self._line.finish() if not self._pipeline.failure else ():
                if isinstance(item, Part):
                    part = self._repeats.compared(item)
                    self._deliver([Job(part, verdict=self._line.judge(part))])
        if self._naming:
            self._naming.close()

    def _trouble(self) -> str:
        """Say why nothing can be judged just now, besides cameras and models; from any thread."""
        return "The station stops." if self._stop.is_set() else next(iter(self._troubles.values()), "")

    def _deliver(self, jobs: Sequence[Job]) -> None:
        """Put evidence on disk, then append what is said."""
        if not self._keep(evidence_of(jobs)):
            jobs = [replace(job, verdict=None, reason=job.reason or NO_EVIDENCE) for job in jobs]
        self._log.deliver(jobs)
        for job in jobs:
            if job.part is not None and job.part.frames and job.verdict is not None:
                self._shadow.offer(job.part, job.verdict.part_number)
                self._log.drifted(self._drift.take(job.verdict))

    def _keep(self, items: dict[str, bytes]) -> bool:
        """Write evidence, again and again until it is on disk or the station is stopped."""
        while True:
            try:
                self._evidence.keep(items)
            except OSError as exc:
                why = f"Evidence cannot be written: {exc.strerror}; make room on the disk."
                self._troubles["evidence"] = why
                if self._stop.wait(RETRY):
                    return False
            else:
                self._troubles.pop("evidence", None)
                return True


def evidence_of(jobs: Sequence[Job]) -> dict[str, bytes]:
    """Return the bytes that verdicts rest on, by their hash."""
    return {
        view.frame_hash: frame.encoded
        for job in jobs
        if job.part is not None and job.verdict is not None
        for view, frame in zip(job.verdict.views, job.part.frames, strict=True)
        if view.frame_hash
    }


def _say_shadow(producer: Producer, verdict: Verdict) -> None:
    """Append what a model says that looks on, beside what the station says and counts."""
    producer.send(Kind.SHADOW, verdict.to_json())


def section_of(station: StationSection, plant: Plant) -> Judging:
    """Return the recipe of the station's own part number; what stands at the station where it has none."""
    found = (item for item in sections_of(station, plant) if item.part_number == station.part_number)
    return next(found, station)


def next_number(home: Home, station: str) -> int:
    """Return the number of this run of a station, one more than of the last, even after a crash."""
    folder = home.stations
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{quote(station, safe='')}.run"
    number = int(file.read_text()) + 1 if file.exists() else 1
    draft = file.with_suffix(".draft")
    with draft.open("w") as out:
        out.write(str(number))
        out.flush()
        os.fsync(out.fileno())
    draft.rename(file)
    sync_folders((folder,))
    return number
