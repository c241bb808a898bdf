"""A camera's run: from its opening to its end every frame has the next number."""

from __future__ import annotations

from collections.abc import Callable

from vision.records import Frame, Image


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
    """

    def __init__(self, camera: str, view: str, name: str, now: Callable[[], int]) -> None:
        self.camera = camera
        self.view = view
        self.name = name
        self._now = now
        self._sequence = 0

    def frame(
        self,
        encoded: bytes,
        serial: str,
        ts: int | None = None,
        image: Image | None = None,
        defect: str = "",
    ) -> Frame:
        """Return the next frame, decoded later unless ``image`` is given; no serial names it after itself."""
        self._sequence += 1
        return Frame(
            camera=self.camera,
            view=self.view,
            run=self.name,
            sequence=self._sequence,
            ts=self._now() if ts is None else ts,
            encoded=encoded,
            image=image,
            serial=serial or f"{self.camera}-{self.name}-{self._sequence}",
            defect=defect,
        )

    def skip(self, frames: int) -> None:
        """Leave out numbers of frames that the camera took and that never arrived."""
        self._sequence += frames
