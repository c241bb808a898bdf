"""The cameras of one station: a thread each, opened again when they went away, changed at work."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from engine.cameras import Opener
from engine.plant import Camera
from engine.station_tally import run_name
from vision.assembly import remember
from vision.cameras import Camera as Source
from vision.cameras import CameraError, Mark, Run
from vision.pipeline import BUSY
from vision.records import Frame, Missed

logger = structlog.get_logger(__name__)

RETRY = 1.0
"""Seconds between attempts to open a camera."""
CAMERA_AWAY = "camera_away"
STATION_AWAY = "station_away"
CHANGED = "camera_changed"
WRONG_CLOCK = (
    "Its clock is {:.0f} s away from the station's; set it. Until then its frames carry their arrival."
)


class Sink(Protocol):
    """Takes what cameras give."""

    def begin(self, run: Run, opening: int) -> None:
        """Hear that a run begins.

        Raises
        ------
        CameraError
            It cannot be noted.
        """

    def take(self, run: Run, frame: Frame) -> float:
        """Take a frame; return for how many seconds there was no room for it."""

    def lose(self, run: Run, missed: Sequence[Missed]) -> None:
        """Take note of frames that never came, behind the last one."""


@dataclass(slots=True, eq=False)
class Reading:
    """One camera that is read."""

    section: Camera
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    run: Run | None = None
    live: bool = False
    open: bool = False

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self.thread is not None and self.thread.is_alive()


class Cameras:
    """Read cameras; each ends by itself, with the station, or when it is no longer wanted.

    Parameters
    ----------
    number
        Of the station's run; goes into the names of the cameras' runs.
    opener
        Opens a camera.
    now
        The plant's clock, microseconds UTC.
    sink
        Takes what they give; called from their threads.
    marks
        Where the cameras' runs of the station's run before stood.
    """

    def __init__(
        self, number: int, opener: Opener, now: Callable[[], int], sink: Sink, marks: Mapping[str, Mark]
    ) -> None:
        self.troubles: dict[str, str] = {}
        self.failures: list[BaseException] = []
        self.changed = threading.Event()
        self._number = number
        self._opener = opener
        self._now = now
        self._sink = sink
        self._marks = dict(marks)
        self._away = dict.fromkeys(marks, STATION_AWAY)
        self._openings: Counter[str] = Counter()
        self._readings: dict[str, Reading] = {}
        self._opened: OrderedDict[str, Camera] = OrderedDict()

    @property
    def alive(self) -> bool:
        """Whether any camera is read."""
        return any(reading.alive for reading in self._readings.values())

    @property
    def idle(self) -> bool:
        """Whether no camera is wanted."""
        return all(reading.stop.is_set() for reading in self._readings.values())

    @property
    def names(self) -> list[str]:
        """Return the cameras that are there."""
        return list(self._readings)

    def closed(self) -> list[str]:
        """Return the cameras that are not open now."""
        return [name for name, reading in list(self._readings.items()) if not reading.open]

    def opened(self, frame: Frame) -> Camera | None:
        """Return as what the camera of a frame was opened; None when it is too long ago."""
        return self._opened.get(f"{frame.camera} {frame.run}")

    def offsets(self) -> dict[str, int]:
        """Return how far the clocks of cameras that stamp their frames are behind, microseconds."""
        runs = {name: reading.run for name, reading in list(self._readings.items()) if reading.run}
        found = {name: run.behind for name, run in runs.items()}
        return {name: offset for name, offset in found.items() if offset is not None}

    def follow(self, wanted: Sequence[Camera]) -> None:
        """Put up cameras that are new and take down those that are gone; a changed one is both, in turn."""
        sections = {section.name: section for section in wanted}
        for name, reading in list(self._readings.items()):
            if sections.get(name) != reading.section:
                reading.stop.set()
                if not reading.alive:
                    del self._readings[name]
                    self.troubles.pop(name, None)
                    if name in sections:
                        self._away.setdefault(name, CHANGED)
        for name, section in sections.items():
            if name not in self._readings:
                self._readings[name] = self._start(Reading(section))

    def stop(self) -> None:
        """Tell every camera to end."""
        for reading in self._readings.values():
            reading.stop.set()

    def _start(self, reading: Reading) -> Reading:
        name = f"camera {reading.section.name}"
        reading.thread = threading.Thread(target=self._feed, args=(reading,), name=name, daemon=True)
        reading.thread.start()
        return reading

    def _feed(self, reading: Reading) -> None:
        """Read one camera to its end; open it anew when it goes away."""
        try:
            while not reading.stop.is_set() and not self._read(reading):
                reading.stop.wait(RETRY)
            self._leave(reading)
        except BaseException as exc:
            self.failures.append(exc)
        finally:
            self.changed.set()

    def _read(self, reading: Reading) -> bool:
        """Read one run; True when it came to its end, False when the camera went away."""
        name = reading.section.name
        self._openings[name] += 1
        opening = self._openings[name]
        mark = self._marks.get(name, Mark())
        reading.run = run = Run(name, reading.section.view, run_name(self._number, opening), self._now, mark)
        remember(self._opened, f"{name} {run.name}", reading.section)
        try:
            with closing(self._opener(reading.section, run, self._number, reading.stop)) as camera:
                self._sink.begin(run, opening)
                self.troubles.pop(name, None)
                reading.live = camera.live
                reading.open = True
                if not reading.live:
                    self._away.pop(name, None)
                if why := self._away.get(name):
                    run.miss(None, why)
                while (frame := _next_of(camera, name)) is not None:
                    self._take(reading, run, frame)
        except CameraError as exc:
            logger.warning("camera lost", camera=name, error=str(exc))
            self.troubles[name] = str(exc)
            if reading.live:
                self._away.setdefault(name, CAMERA_AWAY)
            return False
        finally:
            reading.open = False
            self._marks[name] = run.mark
        return True

    def _take(self, reading: Reading, run: Run, frame: Frame) -> None:
        self._away.pop(run.camera, None)
        held = self._sink.take(run, frame)
        if reading.live:
            run.held(held, BUSY)
        if run.clock_is_wrong:
            self.troubles[run.camera] = WRONG_CLOCK.format((run.offset.microseconds or 0) / 1e6)
        elif run.camera in self.troubles:
            del self.troubles[run.camera]

    def _leave(self, reading: Reading) -> None:
        """Say what was missed behind the last frame: the camera was away when it was told to end."""
        run = reading.run
        if run is None:
            return
        if not run.missed and (why := self._away.get(run.camera)):
            run.miss(None, why)
        self._sink.lose(run, run.missed)


def _next_of(camera: Source, name: str) -> Frame | None:
    """Wait for a camera's next frame.

    Raises
    ------
    CameraError
        It went away, or failed in a way that nobody foresaw: neither ends its station.
    """
    try:
        return camera.read()
    except CameraError:
        raise
    except Exception as exc:
        logger.exception("camera failed", camera=name)
        why = f"{type(exc).__name__}: {exc}".rstrip(".: ")
        raise CameraError(f"Camera {name}: it cannot be read ({why}); see the station's log.") from exc
