"""The streaming anomaly score on the pump rig of SKAB: F1, false alarms, missed alarms.

    python -m bench anomalies --json

Needs the real data: the folder that ``SEAMLINE_DATA`` names. Per file the first 400 rows are training
(the score learns while it streams and goes on learning), the rest is judged; all files are pooled. Two
published results are counted by the same scorer. Read all three figures: an alarm that is always on has
F1 0.698. The score's settings were chosen on these files, so its F1 is no measure of unseen machines.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.catalog import Catalog, Machine, Tag
from streams.chain import NO_PARTS, LineChain
from streams.clock import SECOND
from streams.log.abc import Entry, Kind
from streams.records import Readings, encode

TRAINING = 400
LABELS = ("anomaly", "changepoint")
PUBLISHED = ("Conv_AE", "T2-q")
RIG = "pump"

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One file: time of each row, its sensors (rows, tags), and whether it is anomalous."""

    ts: NDArray[np.int64]
    tags: tuple[str, ...]
    values: NDArray[np.float64]
    anomalous: Flags

    @classmethod
    def read(cls, path: Path) -> Experiment:
        """Read a file of the benchmark."""
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter=";"))
        tags = tuple(name for name in rows[0] if name not in ("datetime", *LABELS))
        return cls(
            ts=np.array([microseconds(row["datetime"]) for row in rows], dtype=np.int64),
            tags=tags,
            values=np.array([[float(row[tag]) for tag in tags] for row in rows]),
            anomalous=np.array([float(row["anomaly"]) > 0 for row in rows]),
        )

    def entries(self) -> Iterator[Entry]:
        """Return the log of the experiment: a row an entry, then silence."""
        for number, (ts, row) in enumerate(zip(self.ts.tolist(), self.values, strict=True)):
            readings = Readings.numbers([RIG] * len(row), self.tags, [ts] * len(row), row)
            yield Entry(number + 1, Kind.READINGS, ts, "bench", encode(readings.to_arrow()))
        yield Entry(len(self.ts) + 1, Kind.TICK, int(self.ts[-1]) + 60 * SECOND, "", b"")

    def alarms(self) -> Flags:
        """Run the flow's operators over the log; return the rows at which the score passes its threshold."""
        machine = Machine(RIG, tuple(Tag(tag, detect=True) for tag in self.tags))
        chain = LineChain(Catalog((machine,)), parts=lambda entry: ((), NO_PARTS))
        raised: set[int] = set()
        for rows in (rows for entry in self.entries() for rows in chain.update(entry).rows):
            if rows.table == "anomalies":
                ts, score, limit = (np.asarray(rows.columns[name]) for name in ("ts", "score", "threshold"))
                raised |= set(ts[score > limit].tolist())
        return np.array([ts in raised for ts in self.ts.tolist()])


def microseconds(text: str) -> int:
    """Return a time of the files, taken as UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def figures(anomalous: Flags, alarm: Flags) -> dict[str, float]:
    """Return F1, and false and missed alarms in percent.

    >>> figures(np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool))
    {'f1': 0.5, 'far': 50.0, 'mar': 50.0}
    """
    hit, false = int((alarm & anomalous).sum()), int((alarm & ~anomalous).sum())
    missed = int((~alarm & anomalous).sum())
    return {
        "f1": round(2 * hit / (2 * hit + false + missed), 3),
        "far": round(100 * false / int((~anomalous).sum()), 2),
        "mar": round(100 * missed / int(anomalous.sum()), 2),
    }


def experiments(folder: Path) -> list[Experiment]:
    """Read all labelled files."""
    found = [
        path for part in ("valve1", "valve2", "other") for path in (folder / "data" / part).glob("*.csv")
    ]
    return [Experiment.read(path) for path in sorted(found)]


def published(folder: Path, name: str, judged: Sequence[Experiment]) -> dict[str, float]:
    """Count somebody else's alarms, which are given by time."""
    with (folder / "published_predictions" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    truth = {
        ts: anomalous
        for one in judged
        for ts, anomalous in zip(one.ts[TRAINING:].tolist(), one.anomalous[TRAINING:].tolist(), strict=True)
    }
    anomalous = [truth[microseconds(row["datetime"])] for row in rows]
    return figures(np.array(anomalous), np.array([float(row["alarm"]) > 0 for row in rows]))


def run() -> dict[str, Any]:
    """Measure the score, and count two published results.

    Raises
    ------
    SystemExit
        ``SEAMLINE_DATA`` does not name the folder of the data.
    """
    folder = Path(os.environ.get("SEAMLINE_DATA", "")) / "skab"
    if not (folder / "data").is_dir():
        raise SystemExit(f"There is no {folder}; set SEAMLINE_DATA to the folder that holds skab.")
    judged = experiments(folder)
    anomalous = np.concatenate([one.anomalous[TRAINING:] for one in judged])
    alarm = np.concatenate([one.alarms()[TRAINING:] for one in judged])
    sides = {"seamline": figures(anomalous, alarm), "always": figures(anomalous, np.ones_like(alarm))}
    sides |= {name: published(folder, name, judged) for name in PUBLISHED}
    return {f"{side}_{name}": value for side, found in sides.items() for name, value in found.items()}
