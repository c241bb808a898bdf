"""Which of a station's cameras are watched for a picture that stands still, and the parts compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.plant import Camera, VideoCamera
from vision.assembly import Part
from vision.cameras.video import is_device
from vision.frozen import Repeats

SENSORS = ("video", "rtsp", "genicam", "zeromq")
"""Kinds of cameras that see; files may hold one picture twice."""
RAW = ("genicam", "zeromq")
"""Those of which no two pictures are the same; a compressed stream repeats what does not move."""


class StationRepeats:
    """Mark pictures that a camera shows for a part though they are those of the part before.

    Parameters
    ----------
    allowed
        How often in a row the same picture may come.
    named
        Whether something else than the cameras names the parts: then each is another, whatever its frames
        are called.
    """

    def __init__(self, allowed: int, named: bool) -> None:
        self._repeats = Repeats(allowed)
        self._named = named
        self._watched: dict[str, bool] = {}

    def follow(self, cameras: Sequence[Camera]) -> None:
        """Watch those of these cameras that have a sensor."""
        self._watched = {item.name: self._named or is_raw(item) for item in cameras if item.kind in SENSORS}

    def compared(self, part: Part) -> Part:
        """Return a part with its frames marked; parts are given in their order, one at a time."""
        watched = self._watched
        if not watched:
            return part
        frames = tuple(
            self._repeats.look(frame, watched[frame.camera]) if frame.camera in watched else frame
            for frame in part.frames
        )
        return replace(part, frames=frames)


def is_raw(camera: Camera) -> bool:
    """Return whether no two pictures of a camera are ever the same."""
    return is_device(camera.path) if isinstance(camera, VideoCamera) else camera.kind in RAW
