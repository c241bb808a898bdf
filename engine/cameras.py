"""Cameras of a station, opened as the plant file describes them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.plant import Camera as CameraSection
from engine.plant import FolderCamera, SimulatedCamera, VideoCamera, ZmqCamera
from vision import cameras
from vision.records import Image
from vision.simulate import PartRenderer

Opener = Callable[[CameraSection, cameras.Run, int, threading.Event], cameras.Camera]
"""Opens a camera: its section, its run, the number that goes into serials, what ends it."""


def open_camera(
    section: CameraSection, run: cameras.Run, number: int, stop: threading.Event
) -> cameras.Camera:
    """Open one camera.

    Raises
    ------
    CameraError
        It cannot be opened.
    """
    match section:
        case FolderCamera():
            return cameras.FolderCamera(run, section.path, number, section.rate, section.repeat, stop)
        case VideoCamera():
            return cameras.VideoCamera(run, section.path, section.rate, stop)
        case ZmqCamera():
            return cameras.ZmqCamera(run, section.endpoint, stop)
        case SimulatedCamera():
            return cameras.SimulatedCamera(
                run, renderer(section), f"P{section.seed}", number, section.rate, stop
            )


def renderer(section: SimulatedCamera) -> Callable[[int], Image]:
    """Return what draws part after part as this camera sees it."""
    parts = PartRenderer(section.seed, section.size)
    return lambda index: parts.render(index, section.view).image
