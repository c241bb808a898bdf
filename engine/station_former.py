"""What a station's former runs left: the frames that died with a kill, and how far the cameras were."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import orjson

from engine.station_tally import CHECKPOINT, NO_COUNT, PAGE, PAGES, Checkpoint, Span, Trail, run_name
from streams.log.abc import Entry, Kind
from streams.log.errors import LogGap
from vision.cameras import Mark
from vision.ledger import DROPPED, RunKey
from vision.records import FrameLoss

KILLED = "station_killed"
PIECE = 1 << 22
"""Bytes of log that are read at once."""


@dataclass(frozen=True, slots=True)
class Former:
    """One former run of a station, as its tally tells."""

    station: str
    folder: Path
    checkpoint: Checkpoint
    captured: dict[RunKey, int]
    """How far each run of a camera came at last."""
    marks: dict[str, Mark]
    """Where each camera's last run stood."""

    def dead(self, log: Trail) -> dict[RunKey, list[tuple[int, int]]] | None:
        """Return the frames of each run that ended nowhere; None where the log no longer tells.

        Raises
        ------
        LogError
            The log is damaged.
        """
        left = self._candidates()
        if not any(left.values()):
            return {}
        if log.end < self.checkpoint.position:
            return None
        try:
            for key, first, last in said(log, self.checkpoint.position, self.station):
                if key in left:
                    left[key] = without(left[key], first, last)
        except LogGap:
            return None
        return {key: joined(frames) for key, frames in left.items() if frames}

    def losses(self, log: Trail, views: Mapping[str, str], now: int) -> Iterator[FrameLoss]:
        """Yield what to say of the frames that died: their numbers, or that nobody knows them.

        Raises
        ------
        LogError
            The log is damaged.
        """
        found = self.dead(log)
        if found is None:
            found = {key: [(last + 1, last)] for key, last in self.captured.items()}
        for key, frames in found.items():
            since = self.marks[key.camera].ts if key.camera in self.marks else 0
            place = (self.station, key.camera, views.get(key.camera, ""), key.run)
            for first, last in frames:
                yield FrameLoss(*place, first, last, now, DROPPED, KILLED, since=since or now)

    def forget(self) -> None:
        """Remove the tally: the log has what it told."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _candidates(self) -> dict[RunKey, list[tuple[int, int]]]:
        """Return the frames that were on their way at the checkpoint, or captured after it."""
        behind = {RunKey(span.camera, span.run): span.last for span in self.checkpoint.captured}
        left = {key: [(behind.get(key, 0) + 1, last)] for key, last in self.captured.items()}
        for camera, run, first, last in self.checkpoint.open:
            left.setdefault(RunKey(camera, run), []).append((first, last))
        return {key: [span for span in spans if span[0] <= span[1]] for key, spans in left.items()}


def formers(folder: Path, station: str) -> list[Former]:
    """Return the runs of a station that left a tally, the oldest first; one that cannot be read left none."""
    own = folder / quote(station, safe="")
    numbers = sorted(int(run.name) for run in own.iterdir() if run.name.isdigit()) if own.is_dir() else []
    return [found for number in numbers if (found := read(own / str(number), station, number))]


def read(folder: Path, station: str, number: int) -> Former | None:
    """Read one tally."""
    try:
        kept: dict[str, Any] = orjson.loads((folder / CHECKPOINT).read_bytes())
        captured = {RunKey(camera, run): last for camera, run, last in kept["ended"]}
        checkpoint = Checkpoint(
            kept["position"],
            tuple(Span(*item) for item in kept["captured"]),
            tuple(Span(*item) for item in kept["open"]),
        )
        marks: dict[str, Mark] = {}
        for page in folder.glob(f"*{PAGES}"):
            camera = unquote(page.name.removesuffix(PAGES))
            opening, sequence, ts, count, session = PAGE.unpack(page.read_bytes())
            captured[RunKey(camera, run_name(number, opening))] = sequence
            marks[camera] = Mark(ts, None if count == NO_COUNT else count, session)
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    return Former(station, folder, checkpoint, captured, marks)


def said(log: Trail, after: int, station: str) -> Iterator[tuple[RunKey, int, int]]:
    """Yield the frames that a station gave an end to, from a position of the log to where it ends now.

    A station that goes on while its past is read would be read for ever.
    """
    end = log.end
    while after < end and (entries := log.read(after, PIECE)):
        after = entries[-1].position
        for entry in entries:
            if entry.producer.startswith(f"{station}/"):
                yield from frames_of(entry)


def frames_of(entry: Entry) -> Iterator[tuple[RunKey, int, int]]:
    """Yield the frames that an entry gives an end to."""
    if entry.kind is Kind.FRAMES:
        loss = FrameLoss.from_json(entry.payload)
        yield RunKey(loss.camera, loss.run), loss.first, loss.last
    elif entry.kind is Kind.VERDICT:
        for view in orjson.loads(entry.payload)["views"]:
            yield RunKey(view["camera"], view["run"]), view["sequence"], view["sequence"]


def joined(frames: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges of frames in order, those that follow each other as one.

    Examples
    --------
    >>> joined([(5, 6), (1, 1), (2, 4), (9, 9)])
    [(1, 6), (9, 9)]
    """
    found: list[tuple[int, int]] = []
    for first, last in sorted(frames):
        if found and found[-1][1] + 1 == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def without(frames: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Return ranges of frames less one range.

    Examples
    --------
    >>> without([(1, 5), (8, 9)], 3, 8)
    [(1, 2), (9, 9)]
    """
    pieces = (
        piece for low, high in frames for piece in ((low, min(high, first - 1)), (max(low, last + 1), high))
    )
    return [(low, high) for low, high in pieces if low <= high]
