"""How far the cameras of a station are, kept so that not even a kill leaves a frame without an end.

A page of memory per camera, mapped from a file, tells with every frame how far the camera is: it
outlives the process. Beside it stands what had not ended when the log was last known to have
everything before (`Checkpoint`). What a killed run had captured, less what it had ended by then, less
what the log says since, are the frames that died with it. A loss of power may take the newest of these
pages with it, as far as the kernel had not written them.
"""

from __future__ import annotations

import mmap
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

import orjson

from streams.log.abc import LogReader
from streams.log.errors import LogError
from vision.cameras import Mark
from vision.ledger import Ledger, RunKey
from vision.records import Frame

PAGE = struct.Struct("@5q")
"""Number of the opening, last sequence number, time of the last frame, the device's count, its session."""
NO_COUNT = -1
CHECKPOINT = "checkpoint.json"
PAGES = ".page"


class Said(Protocol):
    """What a station has handed to the log."""

    @property
    def sent(self) -> int:
        """Return the number of the last entry."""

    @property
    def acknowledged(self) -> int:
        """Return the number up to which all are on the log's disk."""


class Trail(LogReader, Protocol):
    """A log that can be read while it is written."""

    @property
    def end(self) -> int:
        """Return the last position that is safe on disk, 0 for an empty log."""


class Span(NamedTuple):
    """Frames ``first`` to ``last`` of one run of a camera."""

    camera: str
    run: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a run had behind it when the log ended at ``position``."""

    position: int = 0
    captured: tuple[Span, ...] = ()
    """How far each run of a camera was, ``first`` being 1."""
    open: tuple[Span, ...] = ()
    """Frames that had not ended."""


class Page:
    """How far one run of a camera is, in memory that a file keeps.

    Raises
    ------
    OSError
        The file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        with file.open("wb") as out:
            out.write(bytes(PAGE.size))
        with file.open("r+b") as kept:
            self._memory = mmap.mmap(kept.fileno(), PAGE.size)
        self.opening = 0
        self.sequence = 0

    def write(self, opening: int, sequence: int, mark: Mark) -> None:
        """Note the latest frame."""
        count = NO_COUNT if mark.count is None else mark.count
        PAGE.pack_into(self._memory, 0, opening, sequence, mark.ts, count, mark.session)
        self.opening, self.sequence = opening, sequence


class Tally:
    """Note how far the cameras of one run of a station are.

    Parameters
    ----------
    folder
        Of all tallies.
    station, number
        Whose this is, and the number of its run.
    log
        Where the station's entries end up.
    """

    def __init__(self, folder: Path, station: str, number: int, log: Trail) -> None:
        self._number = number
        self._log = log
        self._folder = folder_of(folder, station, number)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._pages: dict[str, Page] = {}
        self._ended: dict[RunKey, int] = {}
        self._kept = Checkpoint(end_of(log))
        self._coming: tuple[int, Checkpoint] | None = None
        self._write()

    def begin(self, camera: str, opening: int, mark: Mark) -> None:
        """Begin a run of a camera, before its first frame.

        Raises
        ------
        OSError
            It cannot be noted.
        """
        with self._lock:
            if page := self._pages.get(camera):
                self._ended[self._key(camera)] = page.sequence
                self._write()
            else:
                page = self._pages[camera] = Page(self._folder / (quote(camera, safe="") + PAGES))
            page.write(opening, 0, mark)

    def captured(self, frame: Frame, mark: Mark) -> None:
        """Note a frame; the ledger knows it already."""
        page = self._pages[frame.camera]
        page.write(page.opening, frame.sequence, mark)

    def settle(self, ledger: Ledger, said: Said) -> None:
        """Keep the checkpoint that was taken before once the log has all of it; then take another.

        The order matters: the log's end first, so that whatever ends later stands behind it; then what
        was captured; then what is on its way; then what was sent, with the end of all other frames.

        Raises
        ------
        OSError
            It cannot be written; the one before stays.
        """
        if self._coming and said.acknowledged >= self._coming[0]:
            self._keep(self._coming[1])
        if self._coming is None:
            position, captured = self._log.end, self._captured()
            on_their_way = ledger.on_their_way()
            still = tuple(Span(*key, *frames) for key, runs in on_their_way.items() for frames in runs)
            self._coming = said.sent, Checkpoint(position, captured, still)

    def _keep(self, checkpoint: Checkpoint) -> None:
        with self._lock:
            behind = {RunKey(span.camera, span.run): span.last for span in checkpoint.captured}
            self._ended = {key: last for key, last in self._ended.items() if last > behind.get(key, 0)}
            self._kept = checkpoint
            self._write()
            self._coming = None

    def _captured(self) -> tuple[Span, ...]:
        with self._lock:
            now = {self._key(camera): page.sequence for camera, page in self._pages.items()}
            return tuple(Span(*key, 1, last) for key, last in (self._ended | now).items())

    def _key(self, camera: str) -> RunKey:
        return RunKey(camera, run_name(self._number, self._pages[camera].opening))

    def _write(self) -> None:
        kept = {
            "position": self._kept.position,
            "captured": [tuple(span) for span in self._kept.captured],
            "open": [tuple(span) for span in self._kept.open],
            "ended": [(*key, last) for key, last in self._ended.items()],
        }
        draft = self._folder / (CHECKPOINT + ".draft")
        draft.write_bytes(orjson.dumps(kept))
        draft.rename(self._folder / CHECKPOINT)


def end_of(log: Trail) -> int:
    """Return where a log ends; its beginning where it does not answer: a kill then has more to read."""
    try:
        return log.end
    except LogError:
        return 0


def folder_of(folder: Path, station: str, number: int) -> Path:
    """Return where the tally of one run of a station is."""
    return folder / quote(station, safe="") / str(number)


def run_name(number: int, opening: int) -> str:
    """Return the name of a camera's run: the station's number, and how often it was opened if again."""
    return f"{number}" if opening == 1 else f"{number}.{opening}"
