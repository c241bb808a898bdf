"""For tests of stations: a log and a sink in memory, and a camera that shows a picture when it is told to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.plant import Camera
from streams.log.abc import Entry, Kind
from vision import pictures
from vision.cameras import Run
from vision.records import Frame, FrameLoss, Image, Missed, Verdict
from vision.testing import picture

WAIT = 20.0
LOOK = 0.05
T = TypeVar("T")
Shown = tuple[Image, str, float | None]
"""A picture, the part that it vouches for, and how many seconds it waited where that is stamped."""


class MemoryProducer:
    """A log that keeps what it is sent; `refuse` makes it fail."""

    def __init__(self) -> None:
        self.entries: list[tuple[Kind, bytes]] = []
        self.changed = threading.Condition()
        self.refuse = False
        self.gate: threading.Event | None = None

    def send(self, kind: Kind, payload: bytes) -> int:
        """Keep an entry."""
        if self.gate is not None:
            assert self.gate.wait(WAIT)
        if self.refuse:
            raise OSError("the log is gone")
        with self.changed:
            self.entries.append((kind, payload))
            self.changed.notify_all()
            return len(self.entries)

    def acknowledged(self) -> int:
        """Return the number up to which all is safe."""
        return len(self.entries)

    def flush(self, timeout: float) -> bool:
        """Wait for nothing."""
        return True

    def close(self) -> None:
        """Keep everything."""

    def of(self, kind: Kind, reader: Callable[[bytes], T]) -> list[T]:
        """Return the entries of a kind."""
        return [reader(payload) for sent, payload in self.entries if sent is kind]

    @property
    def verdicts(self) -> list[Verdict]:
        """Return every verdict."""
        return self.of(Kind.VERDICT, Verdict.from_json)

    @property
    def losses(self) -> list[FrameLoss]:
        """Return every loss of frames."""
        return self.of(Kind.FRAMES, FrameLoss.from_json)

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something holds of what was sent."""
        with self.changed:
            assert self.changed.wait_for(condition, WAIT)


class MemoryTrail:
    """The log of a producer in memory, as a station's next run reads it (`engine.station_tally.Trail`)."""

    def __init__(self, producer: MemoryProducer, station: str = "weld-1") -> None:
        self._producer, self._name = producer, f"{station}/1"

    @property
    def end(self) -> int:
        """Return the position of the last entry."""
        return len(self._producer.entries)

    def read(self, after: int, limit: int) -> list[Entry]:
        """Return all entries behind a position."""
        told = enumerate(self._producer.entries[after:], after + 1)
        return [Entry(position, kind, 0, self._name, payload) for position, (kind, payload) in told]

    def close(self) -> None:
        """Hold nothing open."""


class FrameSink:
    """What cameras give, kept; it always has room (`engine.station_cameras.Sink`)."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.changed = threading.Condition()

    def begin(self, run: Run, opening: int) -> None:
        """Keep nothing."""

    def take(self, run: Run, frame: Frame) -> float:
        """Keep a frame."""
        with self.changed:
            self.frames.append(frame)
            self.changed.notify_all()
        return 0.0

    def lose(self, run: Run, missed: Sequence[Missed]) -> None:
        """Keep nothing."""

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something holds of what was kept."""
        with self.changed:
            assert self.changed.wait_for(condition, WAIT)

    def first_after(self, run: str) -> Frame:
        """Wait for the first frame of a later run, and return it."""
        self.wait(lambda: self.frames and self.frames[-1].run != run)
        return next(frame for frame in self.frames if frame.run != run)


class Shutter:
    """Shows pictures to a station when the test says so, through the cameras that `open` opens."""

    def __init__(self) -> None:
        self._shown: dict[str, queue.SimpleQueue[Shown]] = {}

    def open(self, section: Camera, run: Run, number: int, stop: threading.Event) -> ShutterCamera:
        """Open a camera (`engine.cameras.Opener`)."""
        return ShutterCamera(run, self._queue(section.name), stop)

    def shoot(self, red: int, camera: str = "cam", serial: str = "", waited: float | None = None) -> None:
        """Show a picture whose red level decides its verdict; with a serial, it vouches for its part.

        One that says how many seconds it ``waited`` on its way carries its camera's stamp.
        """
        self.show(picture(red), camera, serial, waited)

    def show(self, image: Image, camera: str = "cam", serial: str = "", waited: float | None = None) -> None:
        """Show a picture."""
        self._queue(camera).put((image, serial, waited))

    def _queue(self, camera: str) -> queue.SimpleQueue[Shown]:
        return self._shown.setdefault(camera, queue.SimpleQueue())


class ShutterCamera:
    """One camera of a `Shutter`."""

    live = True

    def __init__(self, run: Run, shown: queue.SimpleQueue[Shown], stop: threading.Event) -> None:
        self._run, self._shown, self._stop = run, shown, stop

    def read(self) -> Frame | None:
        """Wait for the next picture."""
        while not self._stop.is_set():
            try:
                image, serial, waited = self._shown.get(timeout=LOOK)
            except queue.Empty:
                continue
            encoded = pictures.encode_whole(image)
            stamp = None if waited is None else self._run.now() - int(waited * 1e6)
            return self._run.frame(encoded, serial, stamp, vouched=bool(serial))
        return None

    def close(self) -> None:
        """Release nothing."""
