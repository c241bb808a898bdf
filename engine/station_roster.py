"""Which cameras a station has now, as the plant file in use says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import structlog

from engine.plant import Camera, PlantError, StationSection, load

logger = structlog.get_logger(__name__)


class Roster:
    """Read a station's cameras again whenever the plant file in use was written anew.

    A file that cannot be read, or no longer names the station, changes nothing.
    """

    def __init__(self, file: Path, section: StationSection) -> None:
        self._file = file
        self._station = section.name
        self._cameras: Sequence[Camera] = section.cameras
        self._seen = self._stamp()

    def __call__(self) -> Sequence[Camera]:
        """Return the cameras."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self._read()
        return self._cameras

    def _read(self) -> None:
        try:
            stations = load(self._file).stations
        except PlantError as exc:
            logger.warning("the cameras stay as they were", station=self._station, error=str(exc))
            return
        found = [section.cameras for section in stations if section.name == self._station]
        self._cameras = found[0] if found else self._cameras

    def _stamp(self) -> tuple[int, int]:
        """Return what changes whenever the file is written anew."""
        try:
            found = self._file.stat()
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_ino
