"""Streaming anomaly score of every machine, from the means of its narrowest windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import detect
from kernels.detect import Tuning
from streams.operators.arrays import pack, unpack
from streams.operators.batch import Keys
from streams.operators.panes import Panes
from streams.records import Float64, Int32, Int64, Rows, Text


class Anomaly:
    """Score how far the means of a machine's tags with ``detect`` lie from what they used to be.

    The score is 1 when the machine is as usual, whatever the number k of its tags; a machine's
    threshold is 1 + ``sensitivity`` * sqrt(2 / k), one standard deviation of the mean of k squares.
    Above it the machine's reference learns at a damped rate. Only panes that close for the first time
    are scored: a revision by late readings changes a window, not what was said of it.
    """

    name = "anomaly"
    version = 1

    def __init__(self, keys: Keys, tuning: Tuning | None = None, sensitivity: float = 1.0) -> None:
        self._keys = keys
        self._tuning = tuning or Tuning()
        watched = [bool(tag.detect and tag.numeric) for machine in keys.machines for tag in machine.tags]
        self._watched = np.array(watched, dtype=bool)
        tags = np.bincount(keys.machine[self._watched], minlength=len(keys.machines))
        self._limit: Float64 = 1 + sensitivity * np.sqrt(2 / np.maximum(tags, 1))
        self._reference, self._smooth = np.zeros((len(keys), 3)), np.ones(len(keys.machines))

    def update(self, closed: Panes) -> tuple[Rows, ...]:
        """Score panes, which stand by machine and time; return rows of ``anomalies``."""
        if not len(closed):
            return ()
        panes = closed[self._watched[closed.key]]
        if not len(panes):
            return ()
        machine = self._keys.machine[panes.key]
        begins = _begins(machine, panes.pane)
        score, top, share = detect.score(
            np.append(begins, len(panes)).astype(np.int64),
            machine[begins],
            panes.key,
            panes.parts[:, 1] / panes.parts[:, 0],
            reference=self._reference,
            smooth=self._smooth,
            limit=self._limit,
            tuning=self._tuning,
        )
        said = np.flatnonzero(top >= 0)
        if not len(said):
            return ()
        at = begins[said]
        columns: dict[str, Text | Int64 | Float64] = {
            "machine": self._keys.machine_names(machine[at]),
            "ts": panes.pane[at] * panes.width[at],
            "score": score[said],
            "threshold": self._limit[machine[at]],
            "tag": self._keys.tag[panes.key[top[said]]],
            "share": share[said],
        }
        return (Rows("anomalies", columns),)

    def snapshot(self) -> bytes:
        """Return what is usual for every tag, and every machine's smoothed square."""
        names = [self._keys.names[key] for key in np.flatnonzero(self._watched).tolist()]
        arrays = {"reference": self._reference[self._watched], "smooth": self._smooth}
        return pack(arrays, {"keys": names, "machines": self._keys.owner})

    def restore(self, state: bytes) -> None:
        """Go back; tags and machines are found by name, new ones begin to learn."""
        arrays, facts = unpack(state)
        known = {tuple(name): row for row, name in enumerate(facts["keys"])}
        rows = np.array([known.get(name, -1) for name in self._keys.names], dtype=np.int64)
        self._reference = np.zeros((len(self._keys), 3))
        self._reference[rows >= 0] = arrays["reference"][rows[rows >= 0]]
        machines = {name: row for row, name in enumerate(facts["machines"])}
        smooth = [arrays["smooth"][machines[name]] if name in machines else 1.0 for name in self._keys.owner]
        self._smooth = np.array(smooth, dtype=np.float64)


def _begins(machine: Int32, pane: Int64) -> NDArray[np.intp]:
    """Return the rows at which another machine or pane begins."""
    changes = (machine[1:] != machine[:-1]) | (pane[1:] != pane[:-1])
    return np.flatnonzero(np.concatenate([[True], changes]))
