"""A camera's run: from its opening to its end every frame has the next number, none is missed in silence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from vision.cameras.offset import ClockOffset
from vision.records import Frame, Image, Missed

LOST = "lost_before_arrival"
RESTARTED = "camera_restarted"

BELIEVED_FRAMES = 1_000_000
"""A camera's count that jumps further than this has not missed frames: it counts anew."""
BELIEVED_CLOCK = 3_600_000_000
"""Microseconds that a camera's stamp may lie from its arrival; any other is replaced by the arrival."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a run stands: the time of its last frame, and the device's own count with what it counts in."""

    ts: int = 0
    count: int | None = None
    session: int = 0


class Run:
    """Number and stamp the frames of one run of a camera.

    Parameters
    ----------
    camera, view
        Names, as in the plant file.
    name
        Name of this run, never used before by this camera.
    now
        The plant's clock, microseconds UTC.
    follows
        Where the camera's run before this one stood.
    monotonic
        Seconds that no setting of a clock moves: how long a picture was on its way is told by them.
    """

    def __init__(
        self,
        camera: str,
        view: str,
        name: str,
        now: Callable[[], int],
        follows: Mark | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.camera = camera
        self.view = view
        self.name = name
        self.mark = follows or Mark()
        self.offset = ClockOffset()
        self.own_clock = self.offset
        self.sequence = 0
        self.now = now
        self._monotonic, self._way, self._arrived = monotonic, ClockOffset(), monotonic()
        self._missed: list[Missed] = []
        self._counts, self._latest, self._interval, self._calm = False, -math.inf, math.inf, -math.inf

    @property
    def missed(self) -> tuple[Missed, ...]:
        """Return what was missed since the last frame."""
        return tuple(self._missed)

    @property
    def behind(self) -> int | None:
        """Return how far the camera's own clock is behind, microseconds; None while no frame carried a stamp.

        ``own_clock`` is another than ``offset`` where stamps are brought to the station's clock before they
        come to a frame.
        """
        return self.own_clock.microseconds

    @property
    def clock_is_wrong(self) -> bool:
        """Whether the camera's stamps lie too far from the station's clock to be believed."""
        return abs(self.offset.microseconds or 0) > BELIEVED_CLOCK

    def frame(
        self,
        encoded: bytes,
        serial: str,
        ts: int | None = None,
        image: Image | None = None,
        defect: str = "",
        vouched: bool = False,
    ) -> Frame:
        """Return the next frame, decoded later unless ``image`` is given; no serial names it after itself."""
        self.sequence += 1
        believed = self._stamp(ts)
        stamped = ts == believed
        taken = self._taken(ts if stamped else None)
        if stamped or self._latest >= self._calm:
            self._interval = min(self._interval, taken - self._latest)
        self._latest = taken
        frame = Frame(
            camera=self.camera,
            view=self.view,
            run=self.name,
            sequence=self.sequence,
            ts=believed,
            encoded=encoded,
            image=image,
            serial=serial or f"{self.camera}-{self.name}-{self.sequence}",
            defect=defect,
            before=tuple(self._missed),
            vouched=vouched,
            taken=taken,
        )
        self._missed.clear()
        self.mark = Mark(frame.ts, self.mark.count, self.mark.session)
        return frame

    def count(self, value: int, session: int = 0, reason: str = LOST) -> None:
        """Take the device's own count of the frame that comes next: where it jumped, frames were missed.

        The count goes on over a run's end as long as ``session`` stays, so what was missed between two
        runs is known by number, too. A number that comes twice is one frame sent twice.
        """
        self._counts = True
        before, self.mark = self.mark, replace(self.mark, count=value, session=session)
        if before.count is None or (value, session) == (before.count, before.session):
            return
        jump = value - before.count - 1
        if before.session == session and 0 <= jump <= BELIEVED_FRAMES:
            self._found(jump, reason)
        elif not self._missed:
            self.miss(None, RESTARTED)

    def uncounted(self) -> None:
        """Take note of a frame that came without its count: it has the one after the last."""
        if self.mark.count is not None:
            self.mark = replace(self.mark, count=self.mark.count + 1)

    def miss(self, frames: int | None, reason: str = LOST) -> None:
        """Leave out the numbers of frames that were missed; None where nobody knows how many.

        Before the first frame of all there is nothing that could have been missed without a count.
        """
        if frames is None and not self.mark.ts:
            return
        first = self.sequence + 1
        self.sequence += frames or 0
        self._missed.append(Missed(first, self.sequence, self.mark.ts, reason))

    def held(self, seconds: float, reason: str) -> None:
        """Hear for how long a live camera was not read: past its shortest interval, it may have taken frames.

        One that counts tells of them itself; of any other nobody knows how many there were. Pictures that
        waited meanwhile come in a burst: for as long again, those without a stamp tell no interval.
        """
        self._calm = max(self._calm, self._latest + seconds) + seconds
        interval = 0.0 if self._interval == math.inf else max(self._interval, 0.0)
        if not self._counts and seconds > interval:
            self.miss(None, reason)

    def _found(self, frames: int, reason: str) -> None:
        """Say how many were missed; it was for the reason that is told already, if one is."""
        told = next((missed.reason for missed in self._missed if not missed.frames), reason)
        self._missed = [missed for missed in self._missed if missed.frames]
        if frames:
            self.miss(frames, told)

    def _stamp(self, claimed: int | None) -> int:
        """Return the time of capture: what the camera claims unless its clock is plainly wrong."""
        now = self.now()
        if claimed is None:
            return now
        self.offset.add(now - claimed)
        return claimed if abs(now - claimed) <= BELIEVED_CLOCK else now

    def _taken(self, claimed: int | None) -> float:
        """Return when a frame was here at the earliest; one without a stamp to be believed came just now."""
        arrived, before = self._monotonic(), self._arrived
        if claimed is None:
            return arrived
        self._arrived = arrived
        difference = int(arrived * 1e6) - claimed
        self._way.ease((arrived - before) * 1e6)
        self._way.add(difference)
        return arrived - (difference - (self._way.microseconds or 0)) / 1e6
