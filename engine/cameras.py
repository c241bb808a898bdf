"""Cameras of a station, opened as the plant file describes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import chain
from weakref import WeakKeyDictionary

from engine.plant import Camera as CameraSection
from engine.plant import FolderCamera, ReplaySection, SimulatedCamera, VideoCamera, ZmqCamera
from streams import simulate
from streams.clock import Clock
from vision import cameras
from vision.simulate.line import Line, serial

Opener = Callable[[CameraSection, cameras.Run, int, threading.Event], cameras.Camera]
"""Opens a camera: its section, its run, the number that goes into serials, what ends it."""

_lines: WeakKeyDictionary[threading.Event, dict[tuple[int, int], Line]] = WeakKeyDictionary()
"""Lines of simulated parts, by what ends their cameras: those of one station look at the same line."""
_laying = threading.Lock()


def open_camera(
    section: CameraSection,
    run: cameras.Run,
    number: int,
    stop: threading.Event,
    replay: ReplaySection | None = None,
) -> cameras.Camera:
    """Open one camera; ``replay`` is the plant's, for one that follows a simulated machine.

    Raises
    ------
    CameraError
        It cannot be opened.
    """
    match section:
        case FolderCamera():
            return cameras.FolderCamera(run, section.path, number, section.rate, section.repeat, stop)
        case VideoCamera():
            return cameras.VideoCamera(run, section.path, section.rate, stop)
        case ZmqCamera():
            return cameras.ZmqCamera(run, section.endpoint, stop)
        case SimulatedCamera():
            due = due_parts(section, replay, stop)
            sight = line_of(section, stop).enter(section.view)
            return cameras.SimulatedCamera(run, sight, lambda part: serial(section.seed, part, number), due)


def line_of(section: SimulatedCamera, stop: threading.Event) -> Line:
    """Return the line that a simulated camera looks at, the same for all that are ended together."""
    with _laying:
        lines = _lines.setdefault(stop, {})
        key = (section.seed, section.size)
        if key not in lines:
            lines[key] = Line(*key)
        return lines[key]


def due_parts(
    section: SimulatedCamera, replay: ReplaySection | None, stop: threading.Event
) -> Callable[[], int | None]:
    """Return what waits for a simulated camera's next part: at its rate, or when its machine finishes one."""
    if section.follows is None or replay is None:
        return cameras.numbered(section.rate, stop)
    try:
        machine = simulate.model(section.follows)
    except KeyError as exc:
        raise cameras.CameraError(f"there is no simulated machine {section.follows!r} to follow") from exc
    finishes = simulate.finishes(machine, simulate.SEED, replay.start_us)
    return FinishedParts(finishes, replay.clock(), stop)


class FinishedParts:
    """Wait for each part that a simulated machine finishes, as the plant's clock comes to it.

    Of those that are finished already, the last one still lies before the camera.

    Parameters
    ----------
    finishes
        Number and time of the parts, in the order of time, without end.
    """

    def __init__(self, finishes: Iterator[tuple[int, int]], clock: Clock, stop: threading.Event) -> None:
        now = clock.now()
        last: list[tuple[int, int]] = []
        for finish in finishes:
            if finish[1] >= now:
                self._finishes = chain([*last, finish], finishes)
                break
            last = [finish]
        self._clock, self._stop = clock, stop

    def __call__(self) -> int | None:
        """Return the next part's number when it is finished, None as soon as it is to stop."""
        part, ts = next(self._finishes)
        pause = self._clock.wall_seconds(ts - self._clock.now())
        stopped = self._stop.wait(pause) if pause > 0 else self._stop.is_set()
        return None if stopped else part
