"""Is what a station sees still what it saw at first? Distributions beside each other, window by window.

For every view of a part number the measures of the quality gate, and the score of the worst defect, are
counted in bins: deciles of a reference, the first `WINDOW` frames. Each further `WINDOW` frames are laid
beside it by the population stability index, sum of (p - q) ln(p / q): below 0.1 nothing moved, above 0.25
much did. The reference outlives the process, and so do frames on the way to it or to the next window: a shop
that makes a hundred parts a day comes to both. The scores of another model begin another reference.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from vision.judge import worst_named
from vision.records import Verdict, View

WINDOW = 500
"""Frames of a window, and of the reference."""
LIMIT = 0.25
KEEP_S = 30.0
"""Seconds between two times that unfinished windows are put on disk."""
SEPARATOR = " / "
MEASURES = ("mean", "contrast", "sharpness")
SCORE = "score"
DECILES = np.linspace(0.1, 0.9, 9)

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """What was seen at first: bin edges, and how many frames fell where."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Reference:
        """Cut values into bins: below, at and between their deciles, so that a constant has bins too."""
        edges = tuple(np.unique(np.quantile(values, DECILES)).tolist())
        counts = tuple(count(edges, values).tolist())
        return cls(edges, counts, float(np.mean(values)))

    def psi(self, values: Sequence[float]) -> float:
        """Return how far other values are off."""
        return stability(np.array(self.counts), count(self.edges, values))


def count(edges: Sequence[float], values: Sequence[float]) -> NDArray[np.int64]:
    """Count values below the first edge, at it, between it and the next, and so on."""
    places = np.searchsorted(edges, values, "left") + np.searchsorted(edges, values, "right")
    return np.bincount(places, minlength=2 * len(edges) + 1)


def stability(reference: NDArray[np.int64], seen: NDArray[np.int64]) -> float:
    """Return the population stability index of two histograms; half a frame more in each bin.

    Examples
    --------
    >>> stability(np.array([50, 50]), np.array([50, 50]))
    0.0
    >>> round(stability(np.array([50, 50]), np.array([90, 10])), 2)
    0.86
    """
    p, q = ((item + 0.5) / (item.sum() + 0.5 * len(item)) for item in (reference, seen))
    return float(((p - q) * np.log(p / q)).sum())


class Key(NamedTuple):
    """What is followed."""

    part_number: str
    view: str
    measure: str

    @property
    def told(self) -> str:
        """Its name among a station's counters."""
        return SEPARATOR.join(self)


@dataclass(frozen=True, slots=True)
class Drifted:
    """One window beside its reference; its JSON is what the log keeps."""

    station: str
    part_number: str
    view: str
    measure: str
    ts: int
    frames: int
    psi: float
    mean: float
    reference: float

    def to_json(self) -> bytes:
        """Return the form that is logged."""
        return orjson.dumps(asdict(self))


@dataclass(slots=True)
class Track:
    """One measure of one view; ``model`` is whose scores they are, empty where it is no score."""

    model: str = ""
    reference: Reference | None = None
    values: list[float] = field(default_factory=list)


class Drift:
    """Follow what a station sees.

    Parameters
    ----------
    file
        Keeps references and unfinished windows; one that cannot be read begins anew.
    """

    def __init__(self, station: str, file: Path, window: int = WINDOW) -> None:
        self._station, self._file, self._window = station, file, window
        self._tracks: dict[Key, Track] = {}
        self._kept, self._changed, self._due = False, False, 0.0
        self._lock = threading.Lock()
        self._newest: dict[Key, Drifted] = {}
        self._read()

    @property
    def trouble(self) -> str:
        """What drifted most in its newest window, in one sentence; empty: nothing did."""
        worst = max(self.windows().values(), key=lambda item: item.psi, default=None)
        if worst is None or worst.psi <= LIMIT:
            return ""
        return (
            f"View {worst.view}: {worst.measure} has drifted from {worst.reference:.4g} to {worst.mean:.4g}"
            f" (index {worst.psi:.2f}); look at lamp, lens and parts, or begin a new reference:"
            f" seamline models drift {self._station} --reset."
        )

    def windows(self) -> dict[Key, Drifted]:
        """Return the newest window of everything that is followed."""
        with self._lock:
            return self._newest.copy()

    def progress(self, referred: bool) -> dict[Key, int]:
        """Return how many frames of its next window all has that has a reference, or has none yet."""
        with self._lock:
            tracks = self._tracks.items()
            return {
                key: len(track.values) for key, track in tracks if (track.reference is not None) == referred
            }

    def look(self) -> None:
        """Begin new references where their file was taken away; keep unfinished windows now and then."""
        with self._lock:
            self._begin_anew()
            if self._changed and time.monotonic() >= self._due:
                self._keep()

    def close(self) -> None:
        """Keep unfinished windows."""
        with self._lock:
            self._begin_anew()
            if self._changed:
                self._keep()

    def take(self, verdict: Verdict) -> list[Drifted]:
        """Take what was seen of a part; return the windows that it completes."""
        with self._lock:
            return self._take(verdict)

    def _begin_anew(self) -> None:
        if self._kept and not self._file.exists():
            self._kept = self._changed = False
            self._tracks, self._newest = {}, {}

    def _keep(self) -> None:
        """Write what is followed; a full disk: it is held in memory, and written the next time."""
        self._due = time.monotonic() + KEEP_S
        with suppress(OSError):
            self._write()

    def _take(self, verdict: Verdict) -> list[Drifted]:
        found = []
        for view in verdict.views:
            for measure, value in measures(view):
                key = Key(verdict.part_number, view.view, measure)
                model = verdict.versions.model if measure == SCORE else ""
                if done := self._add(key, model, value, view.ts):
                    found.append(done)
        return found

    def _add(self, key: Key, model: str, value: float, ts: int) -> Drifted | None:
        track = self._tracks.get(key)
        if track is None or track.model != model:
            track = self._tracks[key] = Track(model)
            self._newest.pop(key, None)
        track.values.append(value)
        self._changed = True
        if len(track.values) < self._window:
            return None
        values, track.values = track.values, []
        if track.reference is None:
            track.reference = Reference.of(values)
            self._keep()
            return None
        told = track.reference.psi(values), float(np.mean(values)), track.reference.mean
        self._newest[key] = Drifted(self._station, *key, ts, len(values), *told)
        return self._newest[key]

    def _read(self) -> None:
        try:
            for item in orjson.loads(self._file.read_bytes()):
                key = Key(item["part_number"], item["view"], item["measure"])
                self._tracks[key] = track_of(item, self._window)
                if newest := item.get("newest"):
                    self._newest[key] = Drifted(**newest)
            self._kept = True
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._tracks, self._newest = {}, {}

    def _write(self) -> None:
        held = [
            {
                **key._asdict(),
                "model": track.model,
                **(asdict(track.reference) if track.reference else {}),
                "values": track.values,
                "newest": self._newest.get(key),
            }
            for key, track in self._tracks.items()
        ]
        draft = self._file.with_suffix(f".{os.getpid()}")
        draft.write_bytes(orjson.dumps(held))
        draft.rename(self._file)
        self._kept, self._changed = True, False


def track_of(item: dict[str, Any], window: int) -> Track:
    """Read one measure of one view; a file of before holds references only.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is none.
    """
    reference = None
    if "edges" in item:
        reference = Reference(tuple(item["edges"]), tuple(item["counts"]), float(item["mean"]))
    values = [float(value) for value in item.get("values", ())]
    return Track(str(item["model"]), reference, values[: window - 1])


def measures(view: View) -> Iterator[tuple[str, float]]:
    """Yield what is followed of one frame; nothing of one that could not be read."""
    for name in MEASURES:
        if math.isfinite(view.quality.get(name, math.nan)):
            yield name, view.quality[name]
    if view.quality:
        yield SCORE, worst_named(view.findings) or 0.0
