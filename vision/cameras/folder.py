"""Photographs of a folder, in the order of their names, each a part of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from vision import pictures
from vision.cameras.abc import CameraError
from vision.cameras.pace import Pacer
from vision.cameras.run import Run
from vision.records import Frame

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"))


class FolderCamera:
    """Play photographs at a pace; the serial is the file's stem and ``number``, the run's number.

    Parameters
    ----------
    run
        Numbers and stamps the frames.
    folder
        Where the photographs lie.
    number
        Goes into the serials, so that a photograph shown again is another part.
    rate
        Photographs a second, None for as fast as they are read.
    repeat
        Start over at the end; serials of the second pass end in ``.2`` and so on.
    stop
        Ends the reading.

    Raises
    ------
    CameraError
        The folder cannot be read or holds no photographs.
    """

    live = False

    def __init__(
        self, run: Run, folder: Path, number: int, rate: float | None, repeat: bool, stop: threading.Event
    ) -> None:
        self._run = run
        self._number = number
        self._repeat = repeat
        self._pacer = Pacer(rate, stop)
        self._files = self._endless(list_pictures(folder, run.camera))

    def read(self) -> Frame | None:
        """Return the next photograph when it is due; None after the last."""
        if not self._pacer.wait():
            return None
        following = next(self._files, None)
        if following is None:
            return None
        file, serial = following
        try:
            return self._run.frame(read_bytes(file), serial)
        except OSError:
            return self._run.frame(b"", serial, defect=pictures.UNREADABLE)

    def close(self) -> None:
        """Hold nothing open."""

    def _endless(self, files: list[Path]) -> Iterator[tuple[Path, str]]:
        passed = 1
        while passed == 1 or self._repeat:
            suffix = f"{self._number}" if passed == 1 else f"{self._number}.{passed}"
            yield from ((file, f"{file.stem}-{suffix}") for file in files)
            passed += 1


def list_pictures(folder: Path, camera: str) -> list[Path]:
    """Return a folder's photographs by name.

    Raises
    ------
    CameraError
        There are none.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as exc:
        raise CameraError(f"Camera {camera}: the folder {folder} cannot be read: {exc.strerror}.") from exc
    if not files:
        raise CameraError(f"Camera {camera}: the folder {folder} holds no photographs; name another.")
    return files


def read_bytes(file: Path) -> bytes:
    """Return a file's bytes; of a file beyond the limit nothing is read but what shows that it is."""
    with file.open("rb") as content:
        return content.read(pictures.MAX_BYTES + 1)
