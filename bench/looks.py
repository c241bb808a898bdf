"""How much a detector's figure may owe to its stages having been chosen by looks at the test side.

    python -m bench looks EARLIER... [--looks N] --json

Each EARLIER is the folder of an export that was looked at before what ships, as ``git show`` gives it. Whole
shots of ``welds-pipe`` are drawn anew, of all exports the same: what moves then is chance, and whoever keeps
the best of several keeps some of it. ``map50_gap`` is of the photographs between the two sides, which neither
uses: it says which export is chosen without a look. ``SEAMLINE_DATA`` names the folder of the data.
"""

from __future__ import annotations

import os
from itertools import groupby, pairwise
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from bench.accuracy import IN_F32
from vision import registry
from vision.accuracy import look, pairs_of
from vision.dataset import read_column
from vision.detect import Detector
from vision.evaluation import Float64, Pair, average_precision, evaluate, match

SPLIT, GAP = "split_unseen_shot", "gap"
ROUNDS, SEED = 1000, 20261126


def run(*earlier: str, looks: int = 4) -> dict[str, Any]:
    """Measure what ships beside earlier exports, and what the best of so many ``looks`` may owe to chance.

    Raises
    ------
    SystemExit
        ``SEAMLINE_DATA`` does not name the folder of the data.
    """
    data = Path(os.environ.get("SEAMLINE_DATA", "")) / "welds-pipe"
    if not data.is_dir():
        raise SystemExit(f"There is no {data}; set SEAMLINE_DATA to the folder that holds welds-pipe.")
    models = [*(registry.load(Path(folder)) for folder in earlier), registry.find(IN_F32)]
    found = [pairs_of(model, data, SPLIT) for model in models]
    kinds, units = models[-1].classes, shots(data)
    whole = [round(evaluate(pairs, kinds).map50(), 4) for pairs in found]
    between = tuple(name for name, side in read_column(data, SPLIT).items() if side == GAP)
    neither = [[*look(Detector(model), data, between)] for model in models]
    unused = [round(evaluate(pairs, kinds).map50(), 4) for pairs in neither]
    told = {"map50": whole, "map50_gap": unused, "gap": len(between), "shots": len(units)}
    return told | luck(drawn(found, units, kinds), looks)


def shots(data: Path) -> list[list[int]]:
    """Return the test side's pictures by shot: those of one weld between which no other side's stand."""
    welds = read_column(data, "weld_group")
    runs = groupby(read_column(data, SPLIT).items(), key=lambda item: (item[1], welds.get(item[0])))
    sizes = [len(list(run)) for (side, _), run in runs if side == "test"]
    ends = np.cumsum([0, *sizes]).tolist()
    return [list(range(first, end)) for first, end in pairwise(ends)]


def drawn(found: list[list[Pair]], units: list[list[int]], kinds: tuple[str, ...]) -> Float64:
    """Return mAP50 of every model (rounds, models) on shots that are drawn anew in each round."""
    draw = np.random.default_rng(SEED)
    matched = [[matches(pair, len(kinds)) for pair in pairs] for pairs in found]
    figures = np.empty((ROUNDS, len(found)))
    for told in figures:
        rows = [row for unit in draw.integers(len(units), size=len(units)) for row in units[unit]]
        told[:] = [map50([pictures[row] for row in rows]) for pictures in matched]
    return figures


Matches = tuple[Float64, Float64, Float64]


def matches(pair: Pair, kinds: int) -> Matches:
    """Return scores (n), which are right at an overlap of 0.5 by class (n, 2), and boxes to find by class."""
    found, truth = pair
    right = np.stack([found.labels, match(found, truth)[:, 0]], axis=1).astype(np.float64)
    return found.scores.astype(np.float64), right, np.bincount(truth.labels, minlength=kinds).astype(float)


def map50(pictures: list[Matches]) -> float:
    """Return what `evaluate` says of the same pictures, whose findings were matched before."""
    scores, right = (np.concatenate([picture[index] for picture in pictures]) for index in (0, 1))
    wanted = np.sum([picture[2] for picture in pictures], axis=0)
    labels, hits = right[np.argsort(-scores, kind="stable")].T
    rows = [
        average_precision(hits[labels == kind][:, None] > 0, int(total))[0]
        for kind, total in enumerate(wanted)
    ]
    return float(np.nanmean(rows))


def luck(figures: Float64, looks: int) -> dict[str, Any]:
    """Return what chance does to the figure of the last model, and to the best of several.

    ``optimism`` is by how much the best of these models scores too high in the mean, were all equally good.
    ``optimism_bound`` holds for the best of ``looks`` models whatever depends on what: the largest deviation
    of a difference from the last, times the root of twice the logarithm of ``looks`` (the highest of so many
    normal numbers is no higher in the mean).
    """
    low, high = np.quantile(figures[:, -1], (0.025, 0.975))
    apart = figures - figures[:, -1:]
    chance = figures - figures.mean(axis=0)
    return {
        "map50_95_percent_of_draws": [round(float(low), 3), round(float(high), 3)],
        "deviation_from_shipped": apart.std(axis=0, ddof=1).round(4).tolist(),
        "looks": looks,
        "optimism": round(float(chance.max(axis=1).mean()), 4),
        "optimism_bound": round(float(apart.std(axis=0, ddof=1).max()) * sqrt(2 * log(looks)), 4),
    }
