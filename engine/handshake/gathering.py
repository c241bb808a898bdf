"""Pictures of the part that was triggered: what comes between its trigger and its answer is of it. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.handshake.abc import Told
from vision.assembly import Part, Stray
from vision.ledger import LATE, UNMATCHED
from vision.records import Frame

EARLY = 16
"""Pictures that may wait for their trigger."""
NO_PART = "no_part_triggered"
OTHER_PART = "picture_of_another_part"
TOO_OLD = "taken_before_trigger"


@dataclass(frozen=True, slots=True)
class CalledPart(Part):
    """A part that the line asked for."""

    number: int = 0
    """Of its cycle."""
    told: Told = field(default_factory=Told)
    due: float = 0.0
    """When its answer must be on its way to the line, monotonic seconds."""
    called: float = 0.0
    """When its trigger was seen, monotonic seconds."""
    bypass: str = ""
    """Why it was let by uninspected when it was triggered; empty: it was not."""


@dataclass(slots=True)
class Call:
    """A part that was triggered, and what came of it so far."""

    number: int
    told: Told
    due: float
    called: float
    serial: str
    """Whose pictures must be of it; empty while nobody said."""
    views: tuple[str, ...] = ()
    bypass: str = ""
    since: float = 0.0
    """A picture taken before is not of it, monotonic seconds."""
    frames: OrderedDict[str, Frame] = field(default_factory=OrderedDict)
    over: bool = False
    """Whether it is on its way to be judged."""

    def part(self) -> CalledPart:
        """Return what there is of the part."""
        self.over = True
        serial = self.serial or next((frame.serial for frame in self.frames.values()), "")
        frames = tuple(self.frames.values())
        return CalledPart(serial, 1, frames, self.number, self.told, self.due, self.called, self.bypass)


class Gathering:
    """Bring the pictures of each triggered part together.

    Parameters
    ----------
    views
        Views that a part must have of which nothing else is said; empty: one picture is the part.
    lead_s
        A picture that came so many seconds before its trigger was seen belongs to it, too; one that was
        taken earlier does not, however late it comes.
    """

    def __init__(self, views: Sequence[str], lead_s: float) -> None:
        self._views, self._lead_s = tuple(views), lead_s
        self._early: deque[tuple[float, Frame]] = deque()
        self._call: Call | None = None
        self._left: list[CalledPart | Stray] = []
        self.mixed: tuple[int, str] | None = None
        """The call whose pictures turned out to be of two parts, and which; taken note of by the caller."""

    def begin(
        self,
        number: int,
        told: Told,
        serial: str,
        due: float,
        now: float,
        views: Sequence[str] | None = None,
        bypass: str = "",
    ) -> None:
        """Take note that a part was triggered, which must have these views.

        One that still waits for pictures goes without them.
        """
        self._end()
        asked = self._views if views is None else tuple(views)
        self._call = Call(number, told, due, now, serial, asked, bypass, now - self._lead_s)
        self._stray(self._call.since)
        early, self._early = self._early, deque()
        for at, frame in early:
            self._left += self._take(self._call, frame, at)

    def add(self, frame: Frame, idle: bool, now: float) -> list[CalledPart | Stray]:
        """Take a picture; ``idle``: the part before is done with, so it is the first sign of the next."""
        self._end_in_time(now)
        at = now if frame.taken is None else min(frame.taken, now)
        if self._call is not None and not (idle and self._call.over):
            self._left += self._take(self._call, frame, at)
        else:
            self._early.append((at, frame))
        return self.expire(now)

    def expire(self, now: float) -> list[CalledPart | Stray]:
        """Return what need not wait any more: a part whose time is up, a picture without a part."""
        self._end_in_time(now)
        self._stray(now - self._lead_s)
        left, self._left = self._left, []
        return left

    @property
    def ripe(self) -> bool:
        """Whether something need not wait any more."""
        return bool(self._left)

    def finish(self) -> list[CalledPart | Stray]:
        """Return everything that still waits."""
        self._end()
        return self.expire(float("inf"))

    def _end_in_time(self, now: float) -> None:
        """Let the part go whose time is up, before a picture is taken for it."""
        if self._call is not None and now >= self._call.due:
            self._end()

    def _end(self) -> None:
        if self._call is not None and not self._call.over:
            self._left.append(self._call.part())

    def _stray(self, oldest: float) -> None:
        """Let pictures go that no trigger came for."""
        gone = [frame for at, frame in self._early if at < oldest]
        self._early = deque(item for item in self._early if item[0] >= oldest)
        while len(self._early) > EARLY:
            gone.append(self._early.popleft()[1])
        self._left += [Stray(frame, UNMATCHED, NO_PART) for frame in gone]

    def _take(self, call: Call, frame: Frame, at: float) -> list[CalledPart | Stray]:
        if call.views and frame.view not in call.views:
            return [Stray(frame, UNMATCHED, "view_not_required")]
        if frame.vouched and call.serial not in {"", frame.serial}:
            if not call.over:
                self.mixed = (call.number, f"{frame.serial} came while it was {call.serial}")
            return [Stray(frame, UNMATCHED, OTHER_PART)]
        if at < call.since:
            return [Stray(frame, UNMATCHED, TOO_OLD)]
        slot = frame.view if call.views else ""
        if slot in call.frames:
            return [Stray(frame, UNMATCHED, "view_twice")]
        if call.over:
            return [Stray(frame, LATE, "part_already_judged")]
        call.frames[slot] = frame
        call.serial = frame.serial if frame.vouched else call.serial
        return [call.part()] if len(call.frames) == (len(call.views) or 1) else []
