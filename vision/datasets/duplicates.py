"""Pictures that are there twice: byte by byte, or alike but for their size, their quality or the light.

How a picture looks is told by 256 bits: which of its 16 by 16 lowest frequencies (a discrete cosine
transform of 32 by 32 grey pixels) lie above their median. Measured on 972 photographs of welds and 165
height maps: the same picture at half or one and a half its size, at JPEG quality 20 or 50, brighter by 15 %
or with noise differs in 16 bits at most; different parts differ in more than 24. Two photographs of a still
part one after the other are near-equal, and should be called so. A picture of which 2 % are cut off at each
side differs in 32 to 48 bits and is not found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import cv2
import numpy as np

from vision.records import Image

SIDE, KEPT = 32, 16
NEAR = 16
"""Bits in which near-equal pictures differ at the most."""
ROWS = 512
"""Pictures that are compared with all others at once."""


def mark_of(image: Image) -> bytes:
    """Return how a picture (height, width, 3) looks, as 32 bytes."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:KEPT, :KEPT].ravel()
    low[0] = np.median(low[1:])  # how bright it is says nothing
    return np.packbits(low > np.median(low[1:])).tobytes()


def equal(hashes: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Return the names of pictures whose SHA-256 are the same, each such group once."""
    same: dict[str, list[str]] = defaultdict(list)
    for name, content in hashes.items():
        same[content].append(name)
    return [tuple(names) for names in same.values() if len(names) > 1]


def near(marks: Mapping[str, bytes], most: int = NEAR) -> Iterator[tuple[str, str]]:
    """Yield pairs of pictures that look alike, byte-equal ones among them."""
    names, bits = list(marks), _words(list(marks.values()))
    for start in range(0, len(names), ROWS):
        apart = np.zeros((len(bits[start : start + ROWS]), len(bits)), np.uint16)
        for column in range(bits.shape[1]):
            apart += np.bitwise_count(bits[start : start + ROWS, column, None] ^ bits[None, :, column])
        for row, other in np.argwhere(apart <= most).tolist():
            if start + row < other:
                yield names[start + row], names[other]


def across(pairs: Sequence[tuple[str, ...]], sides: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return those pairs of a group of pictures that lie on two sides of a split, both named."""
    found = (pair for group in pairs for pair in combinations(group, 2))
    return [
        (left, right) for left, right in found if {sides.get(left), sides.get(right)} == {"train", "test"}
    ]


def _words(marks: list[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    return np.frombuffer(b"".join(marks), np.uint64).reshape(len(marks), KEPT * KEPT // 64)
