"""NumPy twin of `kernels.pixels`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 16


def blob(image: NDArray[np.uint8], top: int, left: int, fill: int, out: NDArray[np.float32]) -> None:
    """Put a BGR picture into a padded RGB blob of planes from 0 to 1."""
    height, width = image.shape[:2]
    out[:] = np.float32(fill) / np.float32(255)
    inner = out[:, top : top + height, left : left + width]
    np.divide(image[:, :, ::-1].transpose(2, 0, 1), np.float32(255), out=inner, dtype=np.float32)


def square(image: NDArray[np.uint8], top: int, left: int, fill: int, out: NDArray[np.float32]) -> None:
    """Put a BGR picture into a padded RGB picture of levels from 0 to 1."""
    blob(image, top, left, fill, out.transpose(2, 0, 1))


def square_of_levels(
    image: NDArray[np.uint8], top: int, left: int, fill: int, out: NDArray[np.uint8]
) -> None:
    """Put a BGR picture into a padded RGB picture of bytes."""
    out[:] = fill
    out[top : top + image.shape[0], left : left + image.shape[1]] = image[:, :, ::-1]


def grey(image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Weigh blue, green and red into one grey."""
    weights = np.array([1868, 9617, 4899], np.int32)
    out[:] = (image.astype(np.int32) @ weights + 8192) >> 14


def statistics(grey: NDArray[np.uint8], dark: int, bright: int, span: int, out: NDArray[np.int64]) -> None:
    """Count and sum what the quality gate looks at."""
    wide = grey.astype(np.int64)
    edges = laplacian(wide)
    out[:] = (
        wide.size,
        wide.sum(),
        (wide * wide).sum(),
        (grey <= dark).sum(),
        (grey >= bright).sum(),
        edges.sum(),
        (edges * edges).sum(),
        flat_blocks(grey, span),
    )


def laplacian(wide: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the four neighbours less four times the middle, borders left out."""
    middle = wide[1:-1, 1:-1]
    return wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * middle


def flat_blocks(grey: NDArray[np.uint8], span: int) -> Any:
    """Count the whole blocks of 16 by 16 pixels whose levels span no more than ``span``."""
    rows, columns = grey.shape[0] // BLOCK, grey.shape[1] // BLOCK
    blocks = grey[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    if not blocks.size:
        return 0
    return (blocks.max(axis=(1, 3)).astype(np.int16) - blocks.min(axis=(1, 3)) <= span).sum()
