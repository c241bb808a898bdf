"""A camera that renders: what it shows is known exactly, and it says so nowhere in the frame."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vision import pictures
from vision.cameras.pace import Pacer
from vision.cameras.run import Run
from vision.records import Frame, Image


class SimulatedCamera:
    """Show part after part as an encoded picture, like a camera on the network.

    Parameters
    ----------
    run
        Numbers and stamps the frames.
    render
        Gives the picture (h, w, 3) BGR of part ``index``, counted from 1.
    parts, number
        Go into the serials; cameras that look at the same parts share both, so that their views meet.
    rate
        Pictures a second, None for as fast as they are read.
    stop
        Ends the reading.
    """

    def __init__(
        self,
        run: Run,
        render: Callable[[int], Image],
        parts: str,
        number: int,
        rate: float | None,
        stop: threading.Event,
    ) -> None:
        self._run = run
        self._render = render
        self._parts = parts
        self._number = number
        self._pacer = Pacer(rate, stop)
        self._index = 0

    def read(self) -> Frame | None:
        """Return the next part's picture when it is due."""
        if not self._pacer.wait():
            return None
        self._index += 1
        encoded = pictures.encode_jpeg(self._render(self._index))
        return self._run.frame(encoded, f"{self._parts}-{self._index:06d}-{self._number}")

    def close(self) -> None:
        """Hold nothing open."""
