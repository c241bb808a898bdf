"""What a simulated part is: the course of its bead and its flaws, in fractions of the part's side.

The bead runs along y. Everything follows from a seed and the part's number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FLAWS = ("Surface_pores", "wrong_size", "Not_fully_soldered", "crater", "undercut", "spatter")
"""Flaws that are drawn. The first four carry the names that the detector's classes have."""

MISSHAPEN = ("wrong_size", "Not_fully_soldered", "crater")
"""Flaws of the bead's shape."""
NARROWED = 0.45
"""Share of its width that a bead of the wrong size lacks."""
KNOTS = 9
"""Points that shape the bead's course; it is smooth in between."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw with its centre and half its extents along x (across the bead) and y (along it)."""

    label: str
    x: float
    y: float
    half_x: float
    half_y: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part: bead centre and half width at `KNOTS` places, ripple pitch, tint of the heat, flaws."""

    centre: tuple[float, ...]
    half_width: tuple[float, ...]
    pitch: float
    heat: float
    light: float
    patch: tuple[int, int]
    """Where in the textures this part's surface begins, pixels."""
    flaws: tuple[Flaw, ...]

    @property
    def sound(self) -> bool:
        """Return whether nothing is wrong with it."""
        return not self.flaws

    @property
    def shapely(self) -> bool:
        """Return whether its bead has the right shape from end to end."""
        return not any(flaw.label in MISSHAPEN for flaw in self.flaws)


def draw_part(seed: int, index: int, flaw_rate: float = 0.25) -> Part:
    """Draw the part number ``index`` of a seed; ``flaw_rate`` is the chance that it has flaws."""
    rng = np.random.default_rng((seed, index))
    middle, width = rng.uniform(0.46, 0.54), rng.uniform(0.13, 0.16)
    centre = middle + rng.normal(0, 0.006, KNOTS)
    half_width = width * (1 + rng.normal(0, 0.035, KNOTS))
    flaws: tuple[Flaw, ...] = ()
    if rng.random() < flaw_rate:
        flaws = _draw_flaws(rng, float(middle), float(width))
    return Part(
        centre=tuple(centre.tolist()),
        half_width=tuple(half_width.tolist()),
        pitch=float(rng.uniform(0.040, 0.055)),
        heat=float(rng.uniform(0.6, 1.0)),
        light=float(rng.uniform(0.9, 1.1)),
        patch=(int(rng.integers(1 << 16)), int(rng.integers(1 << 16))),
        flaws=flaws,
    )


def _draw_flaws(rng: np.random.Generator, middle: float, width: float) -> tuple[Flaw, ...]:
    label = str(rng.choice(FLAWS, p=(0.35, 0.15, 0.15, 0.15, 0.1, 0.1)))
    number = int(rng.integers(1, 4)) if label in ("Surface_pores", "spatter") else 1
    return tuple(_place(rng, label, middle, width) for _ in range(number))


def _place(rng: np.random.Generator, label: str, middle: float, width: float) -> Flaw:
    """Put one flaw where its kind occurs."""
    x, y, side = middle, float(rng.uniform(0.2, 0.8)), float(rng.choice((-1.0, 1.0)))
    match label:
        case "Surface_pores":
            radius = float(rng.uniform(0.014, 0.026))
            return Flaw(label, x + width * float(rng.uniform(-0.55, 0.55)), y, radius, radius)
        case "crater":
            return Flaw(label, x, y, 0.55 * width, 0.5 * width)
        case "undercut":
            return Flaw(label, x + side * width * 1.02, y, 0.022, float(rng.uniform(0.06, 0.12)))
        case "spatter":
            radius = float(rng.uniform(0.010, 0.020))
            return Flaw(label, x + side * width * float(rng.uniform(1.35, 2.4)), y, radius, radius)
        case "wrong_size":
            return Flaw(label, x, y, width * (1 - NARROWED), float(rng.uniform(0.10, 0.16)))
        case _:
            return Flaw(label, x, y, width, float(rng.uniform(0.10, 0.16)))
