"""A video file or a USB camera (V4L2) through OpenCV; each picture is encoded without loss."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import cv2

from vision import pictures
from vision.cameras import controls
from vision.cameras.abc import CameraError
from vision.cameras.pace import Pacer
from vision.cameras.run import Run
from vision.records import Frame

OLDEST_MS = 10_000.0
"""Milliseconds that a picture may have waited in the driver; a longer wait is another clock's."""
SILENT_MS = 3_000
"""Milliseconds without an answer or a picture after which an address is away."""


class VideoCamera:
    """Read pictures of a video file at its own pace (or ``rate``), or of a device or address as they come.

    A device's pictures carry the time at which the driver took them; nobody numbers them. ``settings`` are
    a device's `controls.CONTROLS`, set in their order before pictures are taken. ``shown`` is the source as
    people are told it, without a password; left out: as it is.

    Raises
    ------
    CameraError
        OpenCV cannot open it, or the device does not take a setting.
    """

    def __init__(
        self,
        run: Run,
        source: str,
        rate: float | None,
        stop: threading.Event,
        settings: Mapping[str, float | str] | None = None,
        shown: str = "",
    ) -> None:
        self._run = run
        self._source, self._shown = source, shown or source
        self._device = is_device(source)
        self.live = self._device or "://" in source
        self._capture = self._open()
        self._set(settings or {})
        own = None if self.live else self._capture.get(cv2.CAP_PROP_FPS) or None
        self._pacer = Pacer(rate or own, stop)

    def read(self) -> Frame | None:
        """Return the next picture; None at the end of a file.

        Raises
        ------
        CameraError
            The device or address gives no more pictures.
        """
        if not self._pacer.wait():
            return None
        taken, image = self._capture.read()
        if taken:
            return self._run.frame(pictures.encode_whole(image), "", self._stamp(), image)
        if self.live:
            raise CameraError(f"Camera {self._run.camera}: {self._shown} gives no pictures; check the plug.")
        return None

    def close(self) -> None:
        """Release the device or file."""
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        """Open the source; of a device the driver keeps one picture at the most, so that none is old."""
        if self._device:
            place = int(self._source) if self._source.isdigit() else self._source
            capture = cv2.VideoCapture(place, cv2.CAP_V4L2)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        elif self.live:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, SILENT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, SILENT_MS]
            capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, limits)
        else:
            capture = cv2.VideoCapture(self._source)
        if not capture.isOpened():
            capture.release()
            raise CameraError(
                f"Camera {self._run.camera}: {self._shown} cannot be opened; check plug and path,"
                " and that nothing else uses it."
            )
        return capture

    def _set(self, settings: Mapping[str, float | str]) -> None:
        """Tell the device how to take pictures."""
        if not settings:
            return
        try:
            if not self._device:
                raise ValueError(f"{self._shown} is no device that takes settings")
            controls.apply(self._capture, settings)
        except ValueError as exc:
            self._capture.release()
            raise CameraError(f"Camera {self._run.camera}: {exc}.") from exc

    def _stamp(self) -> int | None:
        """Return when the driver took the picture, by the plant's clock; None where it does not say."""
        if not self._device:
            return None
        waited = time.monotonic() * 1e3 - self._capture.get(cv2.CAP_PROP_POS_MSEC)
        return self._run.now() - int(waited * 1e3) if 0 <= waited <= OLDEST_MS else None


def is_device(source: str) -> bool:
    """Return whether a source is a device of this machine, not a file or an address."""
    return source.isdigit() or source.startswith("/dev/")
