"""Cameras of a station, opened as the plant file describes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import chain
from urllib.parse import quote

import zmq

from engine.plant import Camera as CameraSection
from engine.plant import (
    FolderCamera,
    GenicamCamera,
    ReplaySection,
    RtspCamera,
    SimulatedCamera,
    VideoCamera,
    ZmqCamera,
)
from engine.plant.secrets import SecretError
from streams import simulate
from streams.clock import Clock
from streams.connectors.inlet import Inlet
from vision import cameras, pictures
from vision.cameras.zeromq import PARTS, QUEUE
from vision.simulate.line import Line, serial

Opener = Callable[[CameraSection, cameras.Run, int, threading.Event], cameras.Camera]
"""Opens a camera: its section, its run, the number that goes into serials, what ends it."""


class Lines:
    """Lines of simulated parts: the cameras of one station look at the same ones."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], Line] = {}
        self._laying = threading.Lock()

    def of(self, section: SimulatedCamera) -> Line:
        """Return the line that a camera looks at."""
        with self._laying:
            key = (section.seed, section.size)
            if key not in self._lines:
                self._lines[key] = Line(*key)
            return self._lines[key]


def watched(receiver: zmq.Socket[bytes]) -> Inlet:
    """Return what receives a network camera's messages, none of which is without end."""
    return Inlet(receiver, PARTS, pictures.MAX_BYTES, QUEUE)


def open_camera(
    section: CameraSection,
    run: cameras.Run,
    number: int,
    stop: threading.Event,
    replay: ReplaySection | None = None,
    lines: Lines | None = None,
) -> cameras.Camera:
    """Open one camera.

    Parameters
    ----------
    section, run, number, stop
        As for every `Opener`.
    replay
        The plant's, for a camera that follows a simulated machine.
    lines
        The station's, for a simulated camera.

    Raises
    ------
    CameraError
        It cannot be opened.
    """
    match section:
        case FolderCamera():
            return cameras.FolderCamera(run, section.path, number, section.rate, section.repeat, stop)
        case VideoCamera():
            by_hand = {str(name): value for name, value in section.settings.items()}
            place = sign_in(section, section.path)
            return cameras.VideoCamera(run, place, section.rate, stop, by_hand, section.path)
        case ZmqCamera():
            return cameras.ZmqCamera(run, section.endpoint, stop, watched, section.silence_s)
        case RtspCamera():
            from vision.cameras.rtsp import RtspCamera as Rtsp  # FFmpeg's libraries: only where they are used

            place = sign_in(section, section.address)
            return Rtsp(run, place, section.address, section.transport, section.rate, stop)
        case GenicamCamera():
            told = section.settings, section.trigger_counter, section.silence_s
            return cameras.GenicamCamera(run, section.producer, section.device, *told, stop)
        case SimulatedCamera():
            due = due_parts(section, replay, stop)
            sight = (lines or Lines()).of(section).enter(section.view)
            return cameras.SimulatedCamera(run, sight, lambda part: serial(section.seed, part, number), due)


def sign_in(section: RtspCamera | VideoCamera, address: str) -> str:
    """Return a camera's address with user and password, where it has a user.

    Raises
    ------
    CameraError
        The password is not where the plant file says.
    """
    if not section.user:
        return address
    try:
        password = section.password.read() if section.password else ""
    except SecretError as exc:
        raise cameras.CameraError(f"Camera {section.name}: {exc}") from exc
    scheme, place = address.split("://", 1)
    return f"{scheme}://{quote(section.user, safe='')}:{quote(password, safe='')}@{place}"


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
