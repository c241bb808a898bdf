"""Parts that pass the cameras of one station, and how a part's serial tells what it truly was."""

from __future__ import annotations

import re
import threading

from vision.records import Image
from vision.simulate.part import Part, draw_part
from vision.simulate.render import PartRenderer

HELD_S = 1.0
"""Seconds that the cameras wait for one that is behind; then it is taken for gone."""
SERIAL = re.compile(r"P(?P<seed>\d+)-(?P<index>\d+)-\d+")


class Line:
    """A row of parts that stop before several cameras at once.

    No camera is shown a part while another has not seen the one before: as in a real fixture, a camera
    that is busy holds the part. Without this, cameras that fall behind would drift apart until the views
    of a part no longer meet.

    Parameters
    ----------
    seed, size
        Which parts, and the side of their pictures in pixels.
    """

    def __init__(self, seed: int, size: int) -> None:
        self._parts = PartRenderer(seed, size)
        self._seen: dict[Sight, int] = {}
        self._moved = threading.Condition()

    def enter(self, view: str) -> Sight:
        """Put up a camera that looks at the line from one view."""
        return Sight(self, view)

    def leave(self, sight: Sight) -> None:
        """Take a camera down: nobody waits for it any more."""
        with self._moved:
            self._seen.pop(sight, None)
            self._moved.notify_all()

    def show(self, sight: Sight, index: int) -> Image:
        """Return the picture of a part once every other camera that looks has seen the one before."""
        with self._moved:
            self._moved.wait_for(lambda: self._others_saw(sight, index - 1), HELD_S)
        picture = self._parts.render(index, sight.view).image
        with self._moved:
            self._seen[sight] = index
            self._moved.notify_all()
        return picture

    def _others_saw(self, sight: Sight, index: int) -> bool:
        return all(seen >= index for other, seen in self._seen.items() if other is not sight)


class Sight:
    """What one camera sees of a line."""

    def __init__(self, line: Line, view: str) -> None:
        self.view = view
        self._line = line

    def look(self, index: int) -> Image:
        """Return the picture (h, w, 3) BGR of a part by its number."""
        return self._line.show(self, index)

    def close(self) -> None:
        """Look no more."""
        self._line.leave(self)


def serial(seed: int, index: int, number: int) -> str:
    """Return the serial of part ``index`` of a seed, in run ``number`` of its station."""
    return f"P{seed}-{index:06d}-{number}"


def truth(serial: str) -> Part | None:
    """Return what the part with this serial is truly like; None where it is no simulated part.

    The frames and verdicts of a station never carry it: it follows from the serial alone.
    """
    named = SERIAL.fullmatch(serial)
    return draw_part(int(named["seed"]), int(named["index"])) if named else None
