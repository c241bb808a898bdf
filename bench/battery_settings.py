"""How a bank compares vectors and sums maps up, chosen on the training side of ``welds-battery`` alone.

    python -m bench battery_settings [--seed N] --json

Whole recordings are held out in turn. A bank of the others judges their pictures as they are, and with
defects drawn in as CutPaste does (Li et al., CVPR 2021): a patch, and a scar, taken from elsewhere in the
picture. The test side is never opened. ``SEAMLINE_DATA`` names the folder of the data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision import registry
from vision.anomaly import coreset, fit, maps
from vision.anomaly.bank import MOST
from vision.anomaly.evaluation import auroc
from vision.anomaly.network import CHANNELS, TINY, Scale
from vision.records import Float32, Image

FOLDS = 6
DRAWN = 2
"""Patches, and as many scars, that are drawn into each held-out picture, one to a copy."""
AREA, ASPECT = (0.02, 0.15), (0.3, 3.3)
"""What share of the picture a patch covers, and how wide it is beside its height."""
WIDE, LONG, TURNED = (2 / 256, 16 / 256), (10 / 256, 25 / 256), (-45.0, 45.0)
"""A scar's sides as shares of the picture's longer one, and its degrees."""
ROUNDS = 2000
"""Draws of the pictures that tell how far chance alone moves a difference."""

Draw = np.random.Generator
Measure = Callable[[Float32], float]


@dataclass(frozen=True, slots=True)
class Scaling:
    """What is done to vectors before they are compared."""

    levelled: bool
    """Every channel is brought to the good parts' mean and deviation."""
    cuts: tuple[int, ...] | None
    """Where vectors are cut into parts that are brought to one length; None: all keep their length."""

    def learn(self, vectors: Float32) -> Callable[[Float32], Float32]:
        """Return what brings vectors (n, channels) to this scale, learnt from those of good parts."""
        good = Scale.of(vectors)
        return lambda shown: self._cut((shown - good.mean) / good.spread if self.levelled else shown)

    def _cut(self, vectors: Float32) -> Float32:
        if self.cuts is None:
            return vectors
        parts = np.split(vectors, self.cuts, axis=1)
        lengths = [np.linalg.norm(part, axis=1, keepdims=True) + np.float32(TINY) for part in parts]
        return np.concatenate([part / length for part, length in zip(parts, lengths, strict=True)], axis=1)


BLOCKS = CHANNELS[:1]
SHIPPED = ("levelled_length_one_by_block", "smoothed_maximum")
SCALINGS = {
    "raw": Scaling(False, None),
    "levelled": Scaling(True, None),
    "length_one_together": Scaling(False, ()),
    "length_one_by_block": Scaling(False, BLOCKS),
    "levelled_length_one_together": Scaling(True, ()),
    SHIPPED[0]: Scaling(True, BLOCKS),
}
SUMS: dict[str, Measure] = {
    SHIPPED[1]: lambda shown: float(maps.smooth(shown).max()),
    "maximum": lambda shown: float(shown.max()),
    "mean_of_highest": lambda shown: float(np.sort(shown, axis=None)[-max(shown.size // 100, 1) :].mean()),
    "mean": lambda shown: float(shown.mean()),
}
"""What makes one number of a map; the highest are one cell in a hundred."""


def run(*, seed: int = fit.SEED) -> dict[str, Any]:
    """Compare the settings by AUROC of pictures, good ones beside those with defects that ``seed`` draws.

    Raises
    ------
    SystemExit
        ``SEAMLINE_DATA`` does not name the folder of the data.
    """
    good = Path(os.environ.get("SEAMLINE_DATA", "")) / "welds-battery" / "raw" / "welding" / "train" / "good"
    if not good.is_dir():
        raise SystemExit(f"There is no {good}; set SEAMLINE_DATA to the folder that holds welds-battery.")
    return compare(fit.read_pictures(good), seed)


def compare(shown: tuple[fit.Picture, ...], seed: int) -> dict[str, Any]:
    """Return what each setting is worth on held-out good pictures, which is best, and how sure that is."""
    backbone, draw = registry.find(fit.BACKBONE), np.random.default_rng(seed)
    flawed = [[fit.Picture(item.name, image) for image in drawn_into(item.image, draw)] for item in shown]
    good = fit.embed(shown, backbone)
    bad = [fit.embed(copies, backbone) for copies in flawed]
    folds = held_out([item.name for item in shown])
    scored = {
        (name, by): scores
        for name, scaling in SCALINGS.items()
        for by, scores in judge(scaling, good, bad, folds).items()
    }
    worth = {names: auroc(scores[:, 0], scores[:, 1:].ravel()) for names, scores in scored.items()}
    best = max(worth, key=lambda names: worth[names])
    return {
        "pictures": len(shown),
        "recordings": len({recording(item.name) for item in shown}),
        "defects_drawn": sum(map(len, flawed)),
        **{f"auroc_{name}_{by}": round(value, 4) for (name, by), value in worth.items()},
        "chosen": "_".join(best),
        "shipped": "_".join(SHIPPED),
        "shipped_over_raw": difference(scored[SHIPPED], scored["raw", SHIPPED[1]]),
        "best_over_shipped": difference(scored[best], scored[SHIPPED]),
    }


def recording(name: str) -> str:
    """Return what a picture was cut from, by its name.

    Examples
    --------
    >>> recording("6-l6_row0_130.png"), recording("6-l6.png")
    ('6-l6', '6-l6')
    """
    return Path(name).stem.partition("_row")[0]


def held_out(names: list[str]) -> list[NDArray[np.intp]]:
    """Return the pictures of each fold; those of one recording are in the same."""
    recordings = sorted({recording(name) for name in names})
    fold = {name: index % FOLDS for index, name in enumerate(recordings)}
    of = np.array([fold[recording(name)] for name in names])
    return [np.flatnonzero(of == index) for index in range(FOLDS)]


def judge(
    scaling: Scaling, good: list[fit.Embedded], bad: list[list[fit.Embedded]], folds: list[NDArray[np.intp]]
) -> dict[str, Float32]:
    """Return by each of `SUMS` the anomalies of every held-out picture: as it is, then with its defects."""
    scores = {by: np.zeros((len(good), 1 + len(bad[0])), np.float32) for by in SUMS}
    for fold in folds:
        known = np.concatenate([item.vectors for index, item in enumerate(good) if index not in fold])
        scale = scaling.learn(known)
        known = scale(known)
        bank = known[coreset.choose(known, MOST, fit.SEED)]
        for index in fold:
            for column, item in enumerate([good[index], *bad[index]]):
                away = distances(scale(item.vectors), bank).reshape(item.cells.shape[:2])
                for by, measure in SUMS.items():
                    scores[by][index, column] = measure(away)
    return scores


def distances(vectors: Float32, bank: Float32) -> Float32:
    """Return the distance of each of ``vectors`` (n, d), of any length, to the nearest of ``bank`` (m, d)."""
    own, theirs = (np.einsum("ij,ij->i", each, each) for each in (vectors, bank))
    squares = own + (theirs - 2 * (vectors @ bank.T)).min(axis=1)
    away: Float32 = np.sqrt(np.maximum(squares, np.float32(0)))
    return away


def difference(left: Float32, right: Float32) -> str:
    """Return by how much the AUROC of one setting is higher, and where 95 % of draws of pictures lie."""
    draw = np.random.default_rng(fit.SEED)
    rows = [np.arange(len(left)), *(draw.integers(len(left), size=len(left)) for _ in range(ROUNDS))]
    found = [
        auroc(left[row, 0], left[row, 1:].ravel()) - auroc(right[row, 0], right[row, 1:].ravel())
        for row in rows
    ]
    low, high = np.quantile(found[1:], (0.025, 0.975))
    return f"{found[0]:.4f} ({low:.4f} to {high:.4f})"


def drawn_into(image: Image, draw: Draw) -> Iterator[Image]:
    """Yield copies of a picture with one defect each: patches, then scars."""
    for _ in range(DRAWN):
        yield patched(image, draw)
    for _ in range(DRAWN):
        yield scarred(image, draw)


def patched(image: Image, draw: Draw) -> Image:
    """Return a picture in which a rectangle of it lies elsewhere."""
    height, width = image.shape[:2]
    area, aspect = draw.uniform(*AREA) * height * width, np.exp(draw.uniform(*np.log(ASPECT)))
    across = int(np.clip(np.sqrt(area * aspect), 1, width - 1))
    down = int(np.clip(np.sqrt(area / aspect), 1, height - 1))
    return pasted(image, np.full((down, across), 255, np.uint8), draw)


def scarred(image: Image, draw: Draw) -> Image:
    """Return a picture in which a thin, turned strip of it lies elsewhere."""
    longer = max(image.shape[:2])
    sides = [draw.uniform(*span) * longer for span in (WIDE, LONG)]
    room = int(np.ceil(np.hypot(*sides))) + 1
    corners = cv2.boxPoints(((room / 2, room / 2), (sides[0], sides[1]), draw.uniform(*TURNED)))
    mask = cv2.fillPoly(np.zeros((room, room), np.uint8), [corners.round().astype(np.int32)], 255)
    return pasted(image, mask, draw)


def pasted(image: Image, mask: NDArray[np.uint8], draw: Draw) -> Image:
    """Return a picture with what the mask covers at one place laid over another."""
    height, width = mask.shape
    room = image.shape[0] - height + 1, image.shape[1] - width + 1
    (top, left), (onto, beside) = (draw.integers(room).tolist() for _ in range(2))
    made, piece = image.copy(), image[top : top + height, left : left + width]
    made[onto : onto + height, beside : beside + width][mask > 0] = piece[mask > 0]
    return made
