"""A video file or device through OpenCV; each picture is encoded without loss before it is inspected."""

from __future__ import annotations

import threading

import cv2

from vision import pictures
from vision.cameras.abc import CameraError
from vision.cameras.pace import Pacer
from vision.cameras.run import Run
from vision.records import Frame


class VideoCamera:
    """Read pictures of a video file at its own pace (or ``rate``), or of a device or address as they come.

    Raises
    ------
    CameraError
        OpenCV cannot open it.
    """

    def __init__(self, run: Run, source: str, rate: float | None, stop: threading.Event) -> None:
        self._run = run
        self._source = source
        self._device = source.isdigit() or source.startswith("/dev/") or "://" in source
        self._capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(f"Camera {run.camera}: {source} cannot be opened; check the plug or the path.")
        own = None if self._device else self._capture.get(cv2.CAP_PROP_FPS) or None
        self._pacer = Pacer(rate or own, stop)

    def read(self) -> Frame | None:
        """Return the next picture; None at the end of a file.

        Raises
        ------
        CameraError
            The device gives no more pictures.
        """
        if not self._pacer.wait():
            return None
        taken, image = self._capture.read()
        if taken:
            return self._run.frame(pictures.encode_whole(image), serial="", image=image)
        if self._device:
            raise CameraError(f"Camera {self._run.camera}: {self._source} gives no pictures; check the plug.")
        return None

    def close(self) -> None:
        """Release the device or file."""
        self._capture.release()
