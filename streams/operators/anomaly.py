"""Streaming anomaly score of every machine, from the means of its narrowest windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from kernels import detect
from kernels.detect import Tuning
from streams.operators.arrays import pack, unpack
from streams.operators.batch import Keys
from streams.operators.panes import Panes
from streams.operators.windows import Windowed
from streams.records import Float64, Int32, Int64, Rows, Text


class Score(NamedTuple):
    """What is said of a machine at one time."""

    machine: int
    ts: int
    score: float
    key: int
    """The tag that explains most of it."""
    share: float
    version: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What is usual: ``tags`` (keys, 3) as the kernel has it, and every machine's smoothed square."""

    tags: Float64
    smooth: Float64

    @classmethod
    def empty(cls, keys: Keys) -> Self:
        """Return one that knows nothing yet."""
        return cls(np.zeros((len(keys), 3)), np.ones(len(keys.machines)))

    def go_back(self, other: Reference, keys: Keys, machines: NDArray[np.bool_]) -> None:
        """Take over what another one knows of some machines."""
        rows = machines[keys.machine]
        self.tags[rows], self.smooth[machines] = other.tags[rows], other.smooth[machines]


class Anomaly:
    """Score how far the means of a machine's tags with ``detect`` lie from what they used to be.

    The score is 1 when the machine is as usual, whatever the number k of its tags; a machine's
    threshold is 1 + ``sensitivity`` * sqrt(2 / k), one standard deviation of the mean of k squares.
    Above it the machine's reference learns at a damped rate.

    A window that late readings change is scored anew, and so are all after it: the machine goes back
    to what was usual before its oldest window that may still change, and scores that then differ are
    told again as the next version.
    """

    name = "anomaly"
    version = 2

    def __init__(self, keys: Keys, tuning: Tuning | None = None, sensitivity: float = 1.0) -> None:
        self._keys = keys
        self._tuning = tuning or Tuning()
        watched = [bool(tag.detect and tag.numeric) for machine in keys.machines for tag in machine.tags]
        self._watched = np.array(watched, dtype=bool)
        tags = np.bincount(keys.machine[self._watched], minlength=len(keys.machines))
        self._limit: Float64 = 1 + sensitivity * np.sqrt(2 / np.maximum(tags, 1))
        self._head, self._settled = Reference.empty(keys), Reference.empty(keys)
        self._told: dict[tuple[int, int], Score] = {}
        """By machine and time, of windows that may still change."""

    def update(self, windowed: Windowed) -> tuple[Rows, ...]:
        """Score what closed and what changed; return rows of ``anomalies``."""
        settled, revised = self._scores(self._settled, windowed.settled), windowed.revised
        fresh = windowed.closed
        scores: list[Score] = []
        if revised.any():
            self._head.go_back(self._settled, self._keys, revised)
            fresh = fresh[~revised[self._keys.machine[fresh.key]]]
            scores += [score for score in settled if revised[score.machine]]
            scores += self._scores(self._head, windowed.again)
        scores += self._scores(self._head, fresh)
        told = [score for score in map(self._versioned, scores) if score is not None]
        for score in settled:
            self._told.pop((score.machine, score.ts), None)
        return (self._rows(told),) if told else ()

    def _versioned(self, score: Score) -> Score | None:
        """Return a score with its version, None where the same was told before; note it as told."""
        before = self._told.get((score.machine, score.ts))
        if before is not None:
            score = score._replace(version=before.version)
            if score == before:
                return None
            score = score._replace(version=before.version + 1)
        self._told[score.machine, score.ts] = score
        return score

    def _scores(self, reference: Reference, panes: Panes) -> list[Score]:
        """Score panes, which stand by machine and time, and learn from them."""
        panes = panes[self._watched[panes.key]] if len(panes) else panes
        if not len(panes):
            return []
        machine = self._keys.machine[panes.key]
        begins = _begins(machine, panes.pane)
        score, top, share = detect.score(
            np.append(begins, len(panes)).astype(np.int64),
            machine[begins],
            panes.key,
            panes.parts[:, 1] / panes.parts[:, 0],
            reference=reference.tags,
            smooth=reference.smooth,
            limit=self._limit,
            tuning=self._tuning,
        )
        said = np.flatnonzero(top >= 0)
        at = begins[said]
        columns = (
            machine[at],
            panes.pane[at] * panes.width[at],
            score[said],
            panes.key[top[said]],
            share[said],
        )
        return [Score(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _rows(self, scores: Iterable[Score]) -> Rows:
        machine, ts, score, key, share, version = (np.array(column) for column in zip(*scores, strict=True))
        columns: dict[str, Text | Int64 | Int32 | Float64] = {
            "machine": self._keys.machine_names(machine.astype(np.int32)),
            "ts": ts,
            "version": version.astype(np.int32),
            "score": score,
            "threshold": self._limit[machine],
            "tag": self._keys.tag[key],
            "share": share,
        }
        return Rows("anomalies", columns)

    def snapshot(self) -> bytes:
        """Return what is usual, now and before all that may still change, and what was told of the latter."""
        names = [self._keys.names[key] for key in np.flatnonzero(self._watched).tolist()]
        arrays: dict[str, NDArray[Any]] = {}
        for name, reference in (("head", self._head), ("settled", self._settled)):
            arrays |= {f"{name}_tags": reference.tags[self._watched], f"{name}_smooth": reference.smooth}
        row = np.cumsum(self._watched) - 1
        told = [score._replace(key=int(row[score.key])) for score in self._told.values()]
        for name, column in zip(Score._fields, zip(*told, strict=True), strict=False):
            arrays[f"told_{name}"] = np.array(column)
        return pack(arrays.items(), {"keys": names, "machines": self._keys.owner})

    def restore(self, state: bytes) -> None:
        """Go back; tags and machines are found by name, new ones begin to learn."""
        arrays, facts = unpack(state)
        known = {tuple(name): row for row, name in enumerate(facts["keys"])}
        rows = np.array([known.get(name, -1) for name in self._keys.names], dtype=np.int64)
        machines = {name: row for row, name in enumerate(facts["machines"])}
        owners = np.array([machines.get(name, -1) for name in self._keys.owner], dtype=np.int64)
        self._head, self._settled = (self._saved(arrays, name, rows, owners) for name in ("head", "settled"))
        key, owner = _inverse(rows), _inverse(owners)
        columns = [arrays[f"told_{name}"].tolist() for name in Score._fields if f"told_{name}" in arrays]
        told = (Score(*row) for row in zip(*columns, strict=True))
        found = [
            item._replace(machine=owner.get(item.machine, -1), key=key.get(item.key, -1)) for item in told
        ]
        self._told = {(item.machine, item.ts): item for item in found if min(item.machine, item.key) >= 0}

    def _saved(self, arrays: Mapping[str, Any], name: str, rows: Int64, owners: Int64) -> Reference:
        reference = Reference.empty(self._keys)
        reference.tags[rows >= 0] = arrays[f"{name}_tags"][rows[rows >= 0]]
        reference.smooth[owners >= 0] = arrays[f"{name}_smooth"][owners[owners >= 0]]
        return reference


def _inverse(rows: Int64) -> dict[int, int]:
    return {row: place for place, row in enumerate(rows.tolist()) if row >= 0}


def _begins(machine: Int32, pane: Int64) -> NDArray[np.intp]:
    """Return the rows at which another machine or pane begins."""
    changes = (machine[1:] != machine[:-1]) | (pane[1:] != pane[:-1])
    return np.flatnonzero(np.concatenate([[True], changes]))
