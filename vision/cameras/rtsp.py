"""A network camera over RTSP, through FFmpeg's libraries (PyAV).

A JPEG stream's pictures go through as they came; of any other, each picture is decoded and encoded
without loss. Time of capture is the camera's own, as its RTCP sender reports tell it. RTSP numbers no
pictures: what a camera did not send, nobody counts.
"""

from __future__ import annotations

import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Literal

import av
import av.error
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vision import pictures
from vision.cameras.abc import CameraError
from vision.cameras.run import Run
from vision.records import Frame, Image

OPEN_S = 3.0
"""Seconds to answer in."""
READ_S = 3.0
"""Seconds without a picture after which the camera is away."""
REFERENCE_TIME = struct.Struct("@q")
"""Wall clock of a picture in microseconds since 1970, the first field of FFmpeg's AVProducerReferenceTime."""
JPEG = "mjpeg"

Transport = Literal["tcp", "udp"]


class RtspCamera:
    """Take the pictures of the first video stream at an address.

    Parameters
    ----------
    run
        Numbers and stamps the frames.
    address, shown
        Where the camera is, with user and password; and the same without, for people.
    transport
        ``tcp`` loses nothing on the way, ``udp`` loses what the network loses.
    rate
        Pictures a second at the most; those between are not taken. None: all.
    stop
        Ends the reading, within `READ_S`.

    Raises
    ------
    CameraError
        It does not answer, or sends no video.
    """

    live = True

    def __init__(
        self,
        run: Run,
        address: str,
        shown: str,
        transport: Transport,
        rate: float | None,
        stop: threading.Event,
    ) -> None:
        self._run, self._shown, self._stop = run, shown, stop
        self._period, self._due = (1 / rate if rate else 0.0), 0.0
        options: dict[str, str] = {"rtsp_transport": transport}
        try:
            self._container = av.open(address, options=options, timeout=(OPEN_S, READ_S))
        except (av.error.FFmpegError, OSError, ValueError) as exc:
            raise self._lost(exc) from exc
        streams = self._container.streams.video
        if not streams:
            self._container.close()
            raise CameraError(f"Camera {run.camera}: {shown} sends no video; name another path.")
        self._encoded = streams[0].codec_context.name == JPEG
        self._packets: Iterator[Packet[VideoStream]] = self._container.demux(streams[0])
        self._decoded: deque[VideoFrame] = deque()
        self._behind: float | None = None

    def read(self) -> Frame | None:
        """Wait for the next picture that is due.

        Raises
        ------
        CameraError
            The camera went away.
        """
        while not self._stop.is_set():
            frame = self._taken(self._decoded.popleft()) if self._decoded else self._receive()
            if frame is not None:
                return frame
        return None

    def close(self) -> None:
        """Leave the camera."""
        self._container.close()

    def _receive(self) -> Frame | None:
        """Take a packet; return its picture if that is one already and due."""
        try:
            packet = next(self._packets)
        except StopIteration:
            raise self._lost("the stream has ended") from None
        except (av.error.FFmpegError, OSError) as exc:
            raise self._lost(exc) from exc
        if not packet.size:
            return None
        self._follow_clock(packet)
        if self._encoded:
            return self._frame(bytes(packet), self._stamp(packet)) if self._is_due() else None
        return self._decode(packet)

    def _decode(self, packet: Packet[VideoStream]) -> Frame | None:
        """Decode a packet; one that cannot be is a frame that says so."""
        try:
            self._decoded.extend(packet.decode())
        except av.error.FFmpegError:
            return self._frame(bytes(packet), self._stamp(packet), defect=pictures.UNREADABLE)
        return None

    def _taken(self, picture: VideoFrame) -> Frame | None:
        if not self._is_due():
            return None
        image: Image = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
        defect = pictures.HALF_PICTURE if picture.is_corrupt else ""
        return self._frame(pictures.encode_whole(image), self._stamp(picture), image, defect)

    def _frame(self, encoded: bytes, ts: int | None, image: Image | None = None, defect: str = "") -> Frame:
        return self._run.frame(encoded, "", ts, image, defect)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now < self._due:
            return False
        kept_up = now - self._due < self._period
        self._due = (self._due if kept_up else now) + self._period
        return True

    def _follow_clock(self, packet: Packet[VideoStream]) -> None:
        """Learn from a sender report how far the stream's time is behind the camera's clock."""
        if packet.pts is not None and packet.has_sidedata("prft"):
            (wall,) = REFERENCE_TIME.unpack_from(bytes(packet.get_sidedata("prft")))
            self._behind = wall - float(packet.pts * packet.time_base) * 1e6

    def _stamp(self, picture: Packet[VideoStream] | VideoFrame) -> int | None:
        """Return when a picture was taken by the camera's clock; None before its first report."""
        if self._behind is None or picture.pts is None or picture.time_base is None:
            return None
        return int(self._behind + float(picture.pts * picture.time_base) * 1e6)

    def _lost(self, why: object) -> CameraError:
        told = getattr(why, "strerror", None) or why
        return CameraError(
            f"Camera {self._run.camera}: {self._shown} gives no pictures ({told}); check address and network."
        )
