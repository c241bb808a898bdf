"""Few vectors that stand for many: each step takes the one that is farthest from all taken so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vision.records import Float32

CANDIDATES = 16_384
"""Vectors that are chosen from; of more, so many are drawn."""


def choose(vectors: Float32, count: int, seed: int) -> NDArray[np.intp]:
    """Return rows of ``vectors`` (n, d), ``count`` or all, such that every other row is near one of them.

    The first is drawn by ``seed``; the same rows and seed give the same choice.

    Examples
    --------
    >>> sorted(choose(np.array([[0.0], [0.1], [9.0], [9.1]], np.float32), 2, seed=1).tolist())
    [1, 3]
    """
    draw = np.random.default_rng(seed)
    drawn = np.sort(draw.choice(len(vectors), min(len(vectors), CANDIDATES), replace=False))
    return drawn[spread(vectors[drawn], min(count, len(drawn)), int(draw.integers(len(drawn))))]


def spread(vectors: Float32, count: int, row: int) -> NDArray[np.intp]:
    """Return ``row`` and further rows, each the one that is farthest from all before it."""
    rows = np.empty(count, np.intp)
    lengths = np.einsum("ij,ij->i", vectors, vectors)
    far = np.full(len(vectors), np.inf, np.float32)
    for index in range(count):
        rows[index] = row
        np.minimum(far, lengths + (lengths[row] - 2 * (vectors @ vectors[row])), out=far)
        row = int(far.argmax())
    return rows


def nearest(vectors: Float32, bank: Float32) -> Float32:
    """Return the distance of each of ``vectors`` (n, d), of length 1, to the nearest of ``bank`` (m, d)."""
    alike = (vectors @ bank.T).max(axis=1)
    distances: Float32 = np.sqrt(np.maximum(2 - 2 * alike, np.float32(0)))
    return distances
