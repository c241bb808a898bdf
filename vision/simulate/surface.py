"""The shape and colour of a simulated part: a height map, an albedo, and light that falls on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.records import Float32, Image
from vision.simulate.part import KNOTS, Flaw, Part
from vision.simulate.protocol import DEPTHS, NARROWED, STAINS

STEEL = np.array((168, 166, 164), np.float32)
SCALE = np.array((92, 84, 82), np.float32)
STRAW = np.array((70, 120, 165), np.float32)
BLUE = np.array((140, 95, 85), np.float32)
HOLE = np.array((14, 15, 18), np.float32)
"""Colours in BGR: bare steel, the bead's scale, and the tempering colours beside it."""

CREST = 0.045
"""How high a bead stands above the steel, fractions of the part's side."""

Texture = TypeVar("Texture", Float32, Image)


class Textures:
    """Noise that is drawn once per seed and cut anew for each part; all (side, side) float32, mean 0."""

    def __init__(self, seed: int, size: int) -> None:
        rng = np.random.default_rng(seed)
        self.size = size
        side = 2 * size
        self.fine = _noise(rng, side, 1.2)
        self.lumps = _noise(rng, side, size / 45)
        self.clouds = _noise(rng, side, size / 14)
        self.brushed = cv2.blur(_noise(rng, side, 0.6), (max(3, size // 12), 1)) * 4
        self.grain = rng.normal(128, 3.0, (side, side, 3)).round().clip(0, 255).astype(np.uint8)

    def cut(self, texture: Texture, patch: tuple[int, int]) -> Texture:
        """Return the piece of a texture that belongs to a part, (size, size)."""
        top, left = patch[0] % self.size, patch[1] % self.size
        return texture[top : top + self.size, left : left + self.size]


def _noise(rng: np.random.Generator, side: int, sigma: float) -> Float32:
    """Return smooth noise of deviation 1 whose features are about ``sigma`` pixels."""
    noise = cv2.GaussianBlur(rng.normal(size=(side, side)).astype(np.float32), (0, 0), sigma)
    return np.asarray(noise / noise.std(), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Bead:
    """The bead's own coordinates of every pixel: ``across`` is -1 to 1 inside it."""

    across: Float32
    body: Float32
    """1 on the crest, falling to 0 at the toes."""
    heated: Float32
    """Like ``across`` without its sign, of the bead as it should be: the heat does not see a narrow one."""
    missing: Float32
    """1 where the seam was left open; (size, 1) zeros where it was not."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A part's surface before any light or camera: heights in pixels, and colours BGR 0 to 255."""

    height: Float32
    colour: Float32
    relief: Float32
    """The heights without what is too fine to shift a picture seen from aside."""


def make_surface(part: Part, textures: Textures) -> Surface:
    """Weld a part."""
    bead = lay_bead(part, textures)
    height = height_map(part, bead, textures)
    return Surface(height, albedo(part, bead, textures), cv2.blur(height, (9, 9)))


def lay_bead(part: Part, textures: Textures) -> Bead:
    """Follow the bead's course over the part."""
    size = textures.size
    x = ((np.arange(size, dtype=np.float32) + 0.5) / size)[None, :]
    centre, width = _along(part.centre, size), _along(part.half_width, size)
    heated = (x - centre) * (1 + 0.05 * textures.cut(textures.lumps, part.patch)) / width
    across = heated / (1 - NARROWED * _stretch(part, "wrong_size", size))
    crest = np.maximum(0, 1 - across * across)
    missing = _stretch(part, "Not_fully_soldered", size, 0.05 * crest)
    return Bead(across, crest * (1 - missing), np.abs(heated), missing)


def _along(knots: tuple[float, ...], size: int) -> Float32:
    """Return a smooth course through the knots, (size, 1)."""
    column = np.array(knots, np.float32).reshape(KNOTS, 1)
    return np.asarray(cv2.resize(column, (1, size), interpolation=cv2.INTER_CUBIC)).reshape(size, 1)


def _stretch(part: Part, label: str, size: int, rounded: Float32 | None = None) -> Float32:
    """Return the strength of a kind along the bead, 0 where it is not, with soft ends.

    (size, 1), or (size, size) where ``rounded`` says by how much each place lies outside of it.
    """
    y = ((np.arange(size, dtype=np.float32) + 0.5) / size).reshape(size, 1)
    inside = np.zeros((size, 1), np.float32)
    for flaw in part.flaws:
        if flaw.label == label:
            depth = flaw.half_y - np.abs(y - flaw.y) - (0 if rounded is None else rounded)
            inside = np.maximum(inside, flaw.strength * np.clip(depth / 0.05 + 0.2, 0, 1))
    return inside.astype(np.float32)


def height_map(part: Part, bead: Bead, textures: Textures) -> Float32:
    """Return how high the surface stands, in pixels, (size, size)."""
    size = textures.size
    y = ((np.arange(size, dtype=np.float32) + 0.5) / size)[:, None]
    clouds, lumps = (textures.cut(noise, part.patch) for noise in (textures.clouds, textures.lumps))
    phase = 2 * np.pi * ((y + 0.05 * bead.across * bead.across) / part.pitch + 0.22 * clouds)
    ripple = np.sin(phase) + 0.45 * np.sin(2 * phase + 0.8)
    fill = np.minimum(1, 3 * bead.body)
    height = size * (CREST * np.sqrt(bead.body) + fill * (0.0040 * ripple + 0.0022 * lumps))
    height += 0.10 * textures.cut(textures.fine, part.patch) * (0.35 + fill)
    for flaw in part.flaws:
        _carve(height, flaw)
    for mark in part.marks:
        if mark.label == "scratch":
            _scratch(height, mark)
    return np.asarray(height, dtype=np.float32)


def _carve(height: Float32, flaw: Flaw) -> None:
    """Press a flaw into the height map, or raise it."""
    if flaw.label in DEPTHS:
        window, distance = near(flaw, len(height), reach=2.0)
        dent = np.exp(-1.6 * distance * distance)
        if flaw.label == "crater":
            dent = dent - 0.3 * np.exp(-10 * (distance - 1.0) ** 2)
        height[window] += len(height) * DEPTHS[flaw.label] * flaw.strength * dent


def _scratch(height: Float32, mark: Flaw) -> None:
    """Draw a groove from one corner of a mark's box to the other."""
    middle, half = np.array((mark.x, mark.y)), np.array((mark.half_x, mark.half_y))
    start, end = ((place * len(height)).astype(int).tolist() for place in (middle - half, middle + half))
    groove = np.zeros_like(height)
    cv2.line(groove, start, end, -0.7 * mark.strength)
    np.add(height, groove, out=height)


def near(flaw: Flaw, size: int, reach: float) -> tuple[tuple[slice, slice], Float32]:
    """Return the window around a flaw and the distance from it there, 1 being its outline."""
    centre, half = np.array((flaw.y, flaw.x)) * size, np.array((flaw.half_y, flaw.half_x)) * size
    low = np.maximum(0, np.floor(centre - reach * half)).astype(int)
    high = np.minimum(size, np.ceil(centre + reach * half)).astype(int)
    rows, columns = (np.arange(a, b, dtype=np.float32) + 0.5 for a, b in zip(low, high, strict=True))
    distance = np.hypot(((rows - centre[0]) / half[0])[:, None], ((columns - centre[1]) / half[1])[None, :])
    return (slice(low[0], high[0]), slice(low[1], high[1])), distance.astype(np.float32)


def albedo(part: Part, bead: Bead, textures: Textures) -> Float32:
    """Return the surface's own colour, BGR 0 to 255, (size, size, 3)."""
    brushed, clouds, lumps = (
        textures.cut(noise, part.patch) for noise in (textures.brushed, textures.clouds, textures.lumps)
    )
    off = bead.heated
    straw = 0.75 * part.heat * np.clip(1.25 - np.abs(off - 1.35 + 0.18 * clouds) * 1.5, 0, 1)
    blue = part.heat * np.clip(0.55 - np.abs(off - 1.1 + 0.12 * clouds) * 2.6, 0, 1)
    fill = np.minimum(1, 5 * bead.body)
    burnt = fill * np.clip(0.3 * clouds - 0.15, 0, 0.35)
    colour = tint(STEEL, 1 + 0.055 * brushed + 0.05 * clouds)
    colour = blend(colour, STRAW, straw)
    colour = blend(colour, BLUE, blue)
    colour = blend(colour, tint(SCALE, 1 + 0.16 * lumps), fill)
    colour = blend(colour, STRAW, burnt)
    if bead.missing.any():
        colour = blend(colour, HOLE, bead.missing * np.exp(-((bead.across * 10) ** 2)))
    for flaw in (*part.marks, *part.flaws):
        _stain(colour, flaw)
    return colour


def _stain(colour: Float32, flaw: Flaw) -> None:
    if flaw.label in STAINS:
        window, distance = near(flaw, len(colour), reach=1.2)
        depth = STAINS[flaw.label] * flaw.strength * np.clip(1.3 - 1.3 * distance, 0, 1)
        colour[window] = blend(colour[window], HOLE, np.minimum(depth, 1).astype(np.float32))


def tint(colour: Float32, brightness: Float32) -> Float32:
    """Return one colour at a brightness of (rows, columns)."""
    return np.asarray(cv2.merge([brightness * channel for channel in colour.tolist()]), dtype=np.float32)


def blend(below: Float32, above: Float32, share: NDArray[np.floating[Any]]) -> Float32:
    """Lay a colour, (3,) or (rows, columns, 3), over another: ``share`` (rows, columns) of it."""
    shares = cv2.merge([share.astype(np.float32, copy=False)] * 3)
    return np.asarray(below + (above - below) * shares, dtype=np.float32)


def illuminate(height: Float32, colour: Float32, lamp: tuple[float, float, float], light: float) -> Image:
    """Return the picture of a surface under one lamp: diffuse, gloss and what the room gives."""
    size = len(height)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    slope_y += ((np.arange(size, dtype=np.float32) / size - 0.5) * 0.9)[:, None]
    steep = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    toward = unit(lamp)
    between = unit((toward[0], toward[1], toward[2] + 1))
    diffuse = np.maximum(0, (toward[2] - slope_x * toward[0] - slope_y * toward[1]) * steep)
    gloss = np.maximum(0, (between[2] - slope_x * between[0] - slope_y * between[1]) * steep)
    ambient = cv2.merge([light * (0.26 + 0.84 * diffuse)] * 3)
    shine = cv2.merge([cv2.pow(gloss, 28) * (100 * light)] * 3)
    return np.asarray(cv2.convertScaleAbs(cv2.add(cv2.multiply(colour, ambient), shine)), dtype=np.uint8)


def unit(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the vector's direction."""
    x, y, z = vector
    length = math.hypot(x, y, z)
    return x / length, y / length, z / length
