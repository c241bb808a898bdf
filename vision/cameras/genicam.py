"""An industrial camera by GenICam, over any GenTL producer (GigE Vision, USB3 Vision), through harvesters.

A camera belongs to one process at a time. Its pictures are numbered by the device (``frame_id``), so what
was lost on the way is known by number; the count of hardware triggers that a picture carries with it (chunk
data) also tells of triggers without one. The device's own stamps are brought to the station's clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zlib import crc32

from vision import pictures
from vision.cameras.abc import CameraError
from vision.cameras.offset import ClockOffset
from vision.cameras.producers import PRODUCERS
from vision.cameras.raw import to_image
from vision.cameras.run import BELIEVED_CLOCK, LOST, Run
from vision.cameras.zeromq import NO_FRAME
from vision.records import Frame

POLL_S = 0.1
BLOCK_IDS = 0xFFFF
"""GigE Vision 1 numbers pictures from 1 to 65535, and then from 1 again."""
NEAR = 1000
"""Numbers before the last one from which a small number is taken for the count going round."""

Setting = bool | int | float | str


class GenicamCamera:
    """Take the pictures of one device.

    Parameters
    ----------
    run
        Numbers and stamps the frames.
    producer
        The GenTL producer's file (``.cti``).
    device
        Serial number, id or name of the device; None where there is one only.
    settings
        Features to set before pictures are taken, in this order.
    counter
        The chunk that carries a picture's count of hardware triggers; None: there is none.
    silence
        Seconds without a picture after which it is opened anew; None: it may wait for its trigger for ever.
    stop
        Ends the reading.

    Raises
    ------
    CameraError
        It cannot be opened, or not be set so.
    """

    live = True

    def __init__(
        self,
        run: Run,
        producer: Path,
        device: str | None,
        settings: Mapping[str, Setting],
        counter: str | None,
        silence: float | None,
        stop: threading.Event,
    ) -> None:
        self._run, self._counter, self._silence, self._stop = run, counter, silence, stop
        self._session = crc32(run.name.encode())
        self._round, self._last_id = 0, -1
        self._clock = run.own_clock = ClockOffset()
        self._shared = PRODUCERS.get(producer, run.camera)
        try:
            self._acquirer = self._shared.open(device, run.camera)
        except BaseException:
            PRODUCERS.give_back(self._shared)
            raise
        try:
            self._set(settings)
            self._acquirer.start()
        except BaseException as exc:
            self.close()
            raise exc if isinstance(exc, CameraError) else self._lost(exc) from exc

    def read(self) -> Frame | None:
        """Wait for the next picture.

        Raises
        ------
        CameraError
            The camera went away.
        """
        quiet_until = time.monotonic() + (self._silence or 0.0)
        while not self._stop.is_set():
            try:
                buffer = self._acquirer.try_fetch(timeout=POLL_S)
            except Exception as exc:
                raise self._lost(exc) from exc
            if buffer is not None:
                return self._take(buffer)
            if self._silence and time.monotonic() > quiet_until:
                raise self._lost(f"no picture for {self._silence:g} s")
        return None

    def close(self) -> None:
        """Give the device back."""
        try:
            self._acquirer.destroy()
        except Exception:  # a device that went away cannot be told to stop
            pass
        finally:
            PRODUCERS.give_back(self._shared)

    def _take(self, buffer: Any) -> Frame:
        """Make a frame of a buffer and give that back to the device.

        One of chunk data alone has no picture, and of a format that harvesters does not know it gives none.
        """
        with buffer:
            self._count(buffer)
            ts = self._stamp(buffer)
            parts = buffer.payload.components
            if not parts or parts[0] is None:
                why = pictures.UNKNOWN_FORMAT if parts else pictures.EMPTY
                return self._run.frame(b"", "", ts, defect=why)
            part = parts[0]
            content = part.data.tobytes()
            image, defect = to_image(content, part.data_format, part.width, part.height)
        encoded = content if image is None else pictures.encode_whole(image)
        return self._run.frame(encoded, "", ts, image, defect)

    def _count(self, buffer: Any) -> None:
        """Count by triggers where they are told, else by the device's numbers of pictures."""
        number = int(buffer.module.frame_id)
        if number < self._last_id and self._last_id > BLOCK_IDS - NEAR and number < NEAR:
            self._round += BLOCK_IDS
        follows, self._last_id = number == self._last_id + 1, number
        if self._counter is None:
            self._run.count(self._round + number, self._session)
        else:
            triggers = self._carried(buffer, self._counter)
            self._run.count(triggers, crc32(self._counter.encode()), NO_FRAME if follows else LOST)

    def _carried(self, buffer: Any, name: str) -> int:
        """Return a count that came with a picture: the device's own has gone on since.

        Raises
        ------
        CameraError
            The picture carries none.
        """
        chunk = self._feature(name)
        try:
            if _has_chunks(buffer.module):
                return int(chunk.value)
        except Exception:  # producers tell in their own ways that a chunk is not there
            pass
        raise CameraError(
            f"Camera {self._run.camera}: its pictures do not carry {name}; switch it on in its settings"
            " (ChunkModeActive, ChunkSelector, ChunkEnable)."
        )

    def _stamp(self, buffer: Any) -> int | None:
        """Return when a picture was taken, by the station's clock; None where the device does not say."""
        try:
            told = int(buffer.module.timestamp_ns) // 1000
        except Exception:  # producers tell in their own ways that they know no time
            return None
        now = self._run.now()
        self._clock.add(now - told)
        if abs(now - told) <= BELIEVED_CLOCK:
            return told
        return told + (self._clock.microseconds or 0)

    def _set(self, settings: Mapping[str, Setting]) -> None:
        for name, value in settings.items():
            feature = self._feature(name)
            try:
                feature.value = value
            except Exception as exc:
                raise CameraError(f"Camera {self._run.camera}: {name} cannot be {value} ({exc}).") from exc

    def _feature(self, name: str) -> Any:
        """Return a feature of the device."""
        features = self._acquirer.remote_device.node_map
        if not features.has_node(name):
            near = get_close_matches(name, dir(features), 1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise CameraError(f"Camera {self._run.camera}: the device has no feature {name}{hint}")
        return getattr(features, name)

    def _lost(self, why: object) -> CameraError:
        return CameraError(
            f"Camera {self._run.camera}: it gives no pictures ({why}); check plug and network."
        )


def _has_chunks(module: Any) -> bool:
    """Say whether chunk data came with a buffer; where none did, the chunks read are those of one before."""
    try:
        return bool(module.is_containing_chunk_data())
    except Exception:  # a producer that does not say so
        return int(module.num_chunks) > 0
