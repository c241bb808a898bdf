"""An inspection station: it owns its cameras, judges what they show and appends what it says.

One thread a camera, one a core that inspects, one that puts evidence on disk and then appends the
verdicts to the log, in order. Pixels never leave the process. Every captured frame ends as part of a
verdict or as a loss with its reason; after a clean stop the ledger is closed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from urllib.parse import quote

import cv2
import structlog

from engine import health
from engine.cameras import Opener, open_camera
from engine.paths import Home
from engine.plant import Camera, Plant, StationSection
from engine.recipe import recipe_of
from engine.station_log import StationLog, loss_of
from streams.log.abc import Producer
from vision import anomaly, registry
from vision.anomaly import AnomalyDetector
from vision.assembly import Assembly, Part, Stray
from vision.cameras import CameraError, Run
from vision.detect import Detector
from vision.evidence import EvidenceStore, sync_folders
from vision.inspector import Inspector
from vision.ledger import DROPPED, Balance, Ledger
from vision.pipeline import Job, Pipeline
from vision.records import Frame, Outcome, Verdict

logger = structlog.get_logger(__name__)

RETRY = 2.0
"""Seconds between attempts to open a camera or to write evidence again."""
LINGER = 0.1
"""Seconds that a verdict waits, while other parts are inside, to reach disk and log together with them."""
DEPTH = 48
"""Parts inside a lossless station at the most."""
LOST = "lost_before_arrival"
NO_EVIDENCE = "evidence_not_written"


@dataclass(frozen=True, slots=True)
class StationStats:
    """What a station has done so far."""

    station: str
    frames: Balance
    cameras: dict[str, Balance]
    verdicts: dict[str, int]
    rate: float
    """Verdicts a second, over the latest ones."""
    last: Verdict | None
    troubles: dict[str, str]
    """What is wrong now, by camera or ``evidence``; empty when all is well."""


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
    ) -> None:
        self.name = section.name
        self.ledger = Ledger()
        self._section = section
        self._clock = plant.clock()
        self._opener = opener or partial(open_camera, replay=plant.replay)
        self._cores = len(os.sched_getaffinity(0))
        self._inspector = Inspector(
            section.name, detector or self._load(home), recipe_of(section), self._load_bank(home)
        )
        self._evidence = EvidenceStore(home.evidence)
        self._number = next_number(home, section.name)
        self._assembly = Assembly(section.views, section.patience_s)
        self._entry = threading.Lock()
        self._stop = threading.Event()
        self._log = StationLog(section.name, producer, self.ledger, self._clock.now)
        self._troubles: dict[str, str] = {}
        self._failures: list[BaseException] = []

    def _load(self, home: Home) -> Detector | None:
        if self._section.model is None:
            return None
        return Detector(registry.find(self._section.model, (home.models,)), lanes=self._cores)

    def _load_bank(self, home: Home) -> AnomalyDetector | None:
        if self._section.anomaly is None:
            return None
        places = (home.models,)
        return AnomalyDetector.of(anomaly.find(self._section.anomaly, places), places, lanes=self._cores)

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
        depth = self._cores + len(self._section.cameras) if newest else DEPTH
        self._pipeline = Pipeline(self._judge, self._deliver, self._cores, depth, newest, LINGER)
        try:
            self._watch([self._start(camera) for camera in self._section.cameras])
        finally:
            self._pipeline.close()
        self._log.report(avail="UNAVAILABLE")
        if failure := self._pipeline.failure or next(iter(self._failures), None):
            raise failure

    def stats(self) -> StationStats:
        """Return counts, rate, the last verdict and what is wrong; from any thread."""
        return StationStats(
            station=self.name,
            frames=self.ledger.total(),
            cameras=self.ledger.cameras(),
            verdicts=self._log.counts(),
            rate=self._log.rate(),
            last=self._log.last,
            troubles=dict(self._troubles),
        )

    def _start(self, camera: Camera) -> threading.Thread:
        thread = threading.Thread(
            target=self._feed, args=(camera,), name=f"camera {camera.name}", daemon=True
        )
        thread.start()
        return thread

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        """Wait for the cameras to end; meanwhile let parts go whose time is up."""
        period = min(self._section.patience_s / 4, 1.0) if self._section.views else 1.0
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(period / len(threads))
            with self._entry:
                for part in self._assembly.expire(time.monotonic()):
                    self._pipeline.offer(part)
        with self._entry:
            for part in self._assembly.finish():
                self._pipeline.offer(part)

    def _feed(self, section: Camera) -> None:
        """Read one camera to its end; open it anew when it goes away."""
        opening = 0
        try:
            while not self._stop.is_set():
                opening += 1
                name = f"{self._number}" if opening == 1 else f"{self._number}.{opening}"
                run = Run(section.name, section.view, name, self._clock.now)
                if self._read(section, run):
                    return
                self._stop.wait(RETRY)
        except BaseException as exc:
            self._failures.append(exc)
            self._stop.set()

    def _read(self, section: Camera, run: Run) -> bool:
        """Read one run; True when it came to its end, False when the camera went away."""
        last = 0
        try:
            with closing(self._opener(section, run, self._number, self._stop)) as camera:
                self._troubles.pop(section.name, None)
                while (frame := camera.read()) is not None:
                    self._take(frame, last)
                    last = frame.sequence
        except CameraError as exc:
            logger.warning("camera lost", station=self.name, camera=section.name, error=str(exc))
            self._troubles[section.name] = str(exc)
            return False
        return True

    def _take(self, frame: Frame, last: int) -> None:
        self.ledger.captured(frame.camera, frame.sequence - last)
        with self._entry:
            if frame.sequence > last + 1:
                loss = loss_of(self.name, frame, DROPPED, LOST)
                self._pipeline.lose([replace(loss, first=last + 1, last=frame.sequence - 1, serial="")])
            part = self._assembly.add(frame, time.monotonic())
            if isinstance(part, Stray):
                self._pipeline.lose([loss_of(self.name, frame, part.outcome, part.reason)])
            elif part is not None:
                self._pipeline.offer(part)

    def _judge(self, part: Part) -> Verdict:
        return self._inspector.inspect(part.frames, part.attempt)

    def _deliver(self, jobs: Sequence[Job]) -> None:
        """Put evidence on disk, then append what is said."""
        if not self._keep(evidence_of(jobs)):
            jobs = [replace(job, verdict=None, reason=job.reason or NO_EVIDENCE) for job in jobs]
        self._log.deliver(jobs)

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


def report(section: StationSection, stats: StationStats, log_trouble: str | None) -> health.Report:
    """Return how a station is: each camera with its ledger, its evidence and its way to the log.

    ``log_trouble`` says why entries wait to be appended, if they do.
    """
    verdicts = {f"verdicts_{word.lower()}": stats.verdicts.get(word, 0) for word in Outcome}
    cameras = [
        health.Part(
            "camera",
            camera.name,
            stats.troubles.get(camera.name, ""),
            frames_of(stats.cameras.get(camera.name, Balance())),
        )
        for camera in section.cameras
    ]
    others = [
        health.Part("evidence", "evidence", stats.troubles.get("evidence", "")),
        health.Part("log", "log", log_trouble or ""),
    ]
    counters = {**frames_of(stats.frames), **verdicts, "verdicts_per_s": stats.rate}
    return health.Report(counters, (*cameras, *others))


def frames_of(balance: Balance) -> dict[str, float]:
    """Return a ledger's sums as counters: captured is the sum of the other five."""
    return {**asdict(balance), "open": balance.open}


def evidence_of(jobs: Sequence[Job]) -> dict[str, bytes]:
    """Return the bytes that verdicts rest on, by their hash."""
    return {
        view.frame_hash: frame.encoded
        for job in jobs
        if job.part is not None and job.verdict is not None
        for view, frame in zip(job.verdict.views, job.part.frames, strict=True)
        if view.frame_hash
    }


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
