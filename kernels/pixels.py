"""From a picture to what a model and a quality gate look at, in one pass each.

`blob` is the last step of the letterbox that YOLO models are trained with: pad, swap BGR to RGB,
divide by 255, planes instead of pixels; `square` leaves the pixels whole, for networks that take them
so. `grey` and `statistics` are exact in integers, so that a gate decides the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels import _select

Image = NDArray[np.uint8]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

BLOCK = 16
"""Side of the blocks that are counted as flat, in pixels."""
STATISTICS = 8
"""Numbers that `statistics` fills."""
FULL = 255
CHANNELS = 3

_kernel = _select.load("pixels")


def blob(image: Image, top: int, left: int, fill: int, out: Float32) -> None:
    """Put a BGR picture into a padded RGB blob.

    Parameters
    ----------
    image
        (h, w, 3) uint8, contiguous.
    top, left
        Where the picture begins in ``out``, in pixels.
    fill
        Level of the padding, 0 to 255.
    out
        (3, H, W) float32, contiguous, filled with levels divided by 255 in single precision.

    Raises
    ------
    ValueError
        The picture does not fit into ``out`` at that place, or a shape is wrong.
    """
    if out.ndim != CHANNELS or out.shape[0] != CHANNELS:
        raise ValueError(f"out has the shape {out.shape}, it must be (3, height, width)")
    _fits(image, top, left, fill, out.shape[1:])
    _kernel.blob(image, top, left, fill, out)


def square(image: Image, top: int, left: int, fill: int, out: Float32 | Image) -> None:
    """Put a BGR picture into a padded RGB picture.

    Parameters
    ----------
    image, top, left, fill
        As of `blob`.
    out
        (H, W, 3), contiguous. Of float32 it is filled with levels divided by 255 in single precision,
        of uint8 with the levels.

    Raises
    ------
    ValueError
        The picture does not fit into ``out`` at that place, or a shape is wrong.
    """
    if out.ndim != CHANNELS or out.shape[2] != CHANNELS:
        raise ValueError(f"out has the shape {out.shape}, it must be (height, width, 3)")
    _fits(image, top, left, fill, out.shape[:2])
    if out.dtype == np.uint8:
        _kernel.square_of_levels(image, top, left, fill, out)
    else:
        _kernel.square(image, top, left, fill, out)


def grey(image: Image, out: Image) -> None:
    """Weigh blue, green and red into ``out`` (h, w) uint8: 1868, 9617 and 4899 parts of 16384, rounded."""
    _picture(image)
    if out.shape != image.shape[:2]:
        raise ValueError(f"out has the shape {out.shape}, the picture has {image.shape[:2]}")
    _kernel.grey(image, out)


def statistics(grey: Image, dark: int, bright: int, span: int, out: Int64) -> None:
    """Count and sum what a quality gate looks at.

    Parameters
    ----------
    grey
        (h, w) uint8, contiguous.
    dark, bright
        Levels up to which a pixel is dark, and from which it is bright.
    span
        Levels that a block of 16 by 16 pixels may span and still be flat.
    out
        (8,) int64: pixels; sum and sum of squares of the levels; dark pixels; bright pixels; sum
        and sum of squares of the Laplacian (four neighbours less four times the pixel, borders
        left out); flat blocks.

    Raises
    ------
    ValueError
        A shape is wrong or the picture is empty.
    """
    if grey.ndim != CHANNELS - 1 or not grey.size:
        raise ValueError(f"a grey picture has the shape (height, width), not {grey.shape}")
    if out.shape != (STATISTICS,):
        raise ValueError(f"out has the shape {out.shape}, it must be ({STATISTICS},)")
    _kernel.statistics(grey, dark, bright, span, out)


def _fits(image: Image, top: int, left: int, fill: int, room: tuple[int, ...]) -> None:
    _picture(image)
    if not (0 <= top <= room[0] - image.shape[0] and 0 <= left <= room[1] - image.shape[1]):
        raise ValueError(f"a picture of {image.shape[:2]} does not fit at {(top, left)} into {room}")
    if not 0 <= fill <= FULL:
        raise ValueError(f"the padding's level is {fill}, it must be 0 to 255")


def _picture(image: Image) -> None:
    if image.ndim != CHANNELS or image.shape[2] != CHANNELS or not image.size:
        raise ValueError(f"a picture has the shape (height, width, 3), not {image.shape}")
