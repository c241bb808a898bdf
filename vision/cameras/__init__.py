"""Cameras: one kind a file, all read the same way."""

from vision.cameras.abc import Camera, CameraError
from vision.cameras.folder import FolderCamera
from vision.cameras.genicam import GenicamCamera
from vision.cameras.pace import numbered
from vision.cameras.run import Mark, Run
from vision.cameras.simulated import SimulatedCamera
from vision.cameras.video import VideoCamera
from vision.cameras.zeromq import ZmqCamera

__all__ = [
    "Camera",
    "CameraError",
    "FolderCamera",
    "GenicamCamera",
    "Mark",
    "Run",
    "SimulatedCamera",
    "VideoCamera",
    "ZmqCamera",
    "numbered",
]
