"""A camera that renders: what it shows is known exactly, and it says so nowhere in the frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vision import pictures
from vision.cameras.run import Run
from vision.records import Frame, Image


class Scene(Protocol):
    """What a simulated camera looks at."""

    def look(self, part: int) -> Image:
        """Return the picture (h, w, 3) BGR of a part by its number."""

    def close(self) -> None:
        """Nobody looks any more."""


class SimulatedCamera:
    """Show part after part as an encoded picture, like a camera on the network.

    Parameters
    ----------
    run
        Numbers and stamps the frames.
    scene
        Gives the pictures.
    serial
        Names a part by its number; cameras that look at the same parts share it, so that their views meet.
    due
        Waits for the next part and gives its number, None when the camera is told to stop.
    """

    live = False

    def __init__(
        self, run: Run, scene: Scene, serial: Callable[[int], str], due: Callable[[], int | None]
    ) -> None:
        self._run = run
        self._scene = scene
        self._serial = serial
        self._due = due

    def read(self) -> Frame | None:
        """Return the next part's picture when it is due."""
        part = self._due()
        if part is None:
            return None
        encoded = pictures.encode_jpeg(self._scene.look(part))
        return self._run.frame(encoded, self._serial(part))

    def close(self) -> None:
        """Let the other cameras of the line go on without this one."""
        self._scene.close()
