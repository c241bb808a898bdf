"""A camera that renders: what it shows is known exactly, and it says so nowhere in the frame."""

from __future__ import annotations

from collections.abc import Callable

from vision import pictures
from vision.cameras.run import Run
from vision.records import Frame, Image


class SimulatedCamera:
    """Show part after part as an encoded picture, like a camera on the network.

    Parameters
    ----------
    run
        Numbers and stamps the frames.
    render
        Gives the picture (h, w, 3) BGR of a part by its number.
    parts, number
        Go into the serials; cameras that look at the same parts share both, so that their views meet.
    due
        Waits for the next part and gives its number, None when the camera is told to stop.
    """

    def __init__(
        self,
        run: Run,
        render: Callable[[int], Image],
        parts: str,
        number: int,
        due: Callable[[], int | None],
    ) -> None:
        self._run = run
        self._render = render
        self._parts = parts
        self._number = number
        self._due = due

    def read(self) -> Frame | None:
        """Return the next part's picture when it is due."""
        part = self._due()
        if part is None:
            return None
        encoded = pictures.encode_jpeg(self._render(part))
        return self._run.frame(encoded, f"{self._parts}-{part:06d}-{self._number}")

    def close(self) -> None:
        """Hold nothing open."""
