"""What a simulated part is: the course of its bead and its flaws, in fractions of the part's side.

The bead runs along y. Everything follows from a seed and the part's number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision.simulate import protocol
from vision.simulate.protocol import KINDS, MISSHAPEN, Range

KNOTS = 9
"""Points that shape the bead's course; it is smooth in between."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw or mark: its centre and half its extents along x (across the bead) and y (along it)."""

    label: str
    x: float
    y: float
    half_x: float
    half_y: float
    strength: float = 1.0


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
    marks: tuple[Flaw, ...] = ()
    """Dirt and scratches, which are no flaws."""

    @property
    def sound(self) -> bool:
        """Return whether nothing is wrong with it."""
        return not self.flaws

    @property
    def shapely(self) -> bool:
        """Return whether its bead has the right shape from end to end."""
        return not any(flaw.label in MISSHAPEN for flaw in self.flaws)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of flaws that it has, each once."""
        return tuple(dict.fromkeys(flaw.label for flaw in self.flaws))


def draw_part(seed: int, index: int, flaw_rate: float = protocol.FLAW_RATE, crowd: int = 1) -> Part:
    """Draw the part number ``index`` of a seed.

    ``flaw_rate`` is the chance that it has flaws, which are then drawn ``crowd`` times: a plant's part has
    flaws of one kind, a part to train on may have more.
    """
    rng = np.random.default_rng((seed, index))
    middle, width = rng.uniform(0.46, 0.54), rng.uniform(0.13, 0.16)
    centre = middle + rng.normal(0, 0.006, KNOTS)
    half_width = width * (1 + rng.normal(0, 0.035, KNOTS))
    flaws: tuple[Flaw, ...] = ()
    if rng.random() < flaw_rate:
        flaws = _draw_flaws(rng, float(middle), float(width), crowd)
    return Part(
        centre=tuple(centre.tolist()),
        half_width=tuple(half_width.tolist()),
        pitch=_draw(rng, (0.040, 0.055)),
        heat=_draw(rng, (0.6, 1.0)),
        light=_draw(rng, (0.9, 1.1)),
        patch=(int(rng.integers(1 << 16)), int(rng.integers(1 << 16))),
        flaws=flaws,
        marks=_draw_marks(rng, float(middle), float(width)),
    )


def _draw(rng: np.random.Generator, bounds: Range) -> float:
    return float(rng.uniform(*bounds))


def _side(rng: np.random.Generator) -> float:
    return float(rng.choice((-1.0, 1.0)))


def _draw_flaws(rng: np.random.Generator, middle: float, width: float, crowd: int) -> tuple[Flaw, ...]:
    flaws: list[Flaw] = []
    for _ in range(crowd):
        label = str(rng.choice(list(KINDS), p=[kind.share for kind in KINDS.values()]))
        number = int(rng.integers(1, KINDS[label].most + 1))
        placed = [_place(rng, label, middle, width) for _ in range(number)]
        flaws += [flaw for flaw in placed if not any(_meet(flaw, other) for other in flaws)]
    return tuple(flaws)


def _meet(flaw: Flaw, other: Flaw) -> bool:
    """Say whether two flaws lie side by side, so that one may hide the other."""
    return abs(flaw.y - other.y) < flaw.half_y + other.half_y


def _place(rng: np.random.Generator, label: str, middle: float, width: float) -> Flaw:
    """Put one flaw where its kind occurs."""
    x, y, side = middle, _draw(rng, (0.2, 0.8)), _side(rng)
    strength = _draw(rng, protocol.STRENGTH)
    match label:
        case "Surface_pores":
            radius = _draw(rng, protocol.PORE_RADIUS)
            return Flaw(label, x + width * _draw(rng, (-0.55, 0.55)), y, radius, radius, strength)
        case "crater":
            across, along = protocol.CRATER_HALF
            return Flaw(label, x, y, across * width, along * width, strength)
        case "undercut":
            half, length = protocol.UNDERCUT_HALF
            return Flaw(label, x + side * width * 1.02, y, half, _draw(rng, length), strength)
        case "spatter":
            radius = _draw(rng, protocol.SPATTER_RADIUS)
            return Flaw(label, x + side * width * _draw(rng, (1.35, 2.4)), y, radius, radius, strength)
        case "wrong_size":
            half = width * (1 - protocol.NARROWED * strength)
            return Flaw(label, x, y, half, _draw(rng, protocol.STRETCH_HALF), strength)
        case _:
            return Flaw(label, x, y, width, _draw(rng, protocol.STRETCH_HALF))


def _draw_marks(rng: np.random.Generator, middle: float, width: float) -> tuple[Flaw, ...]:
    """Put dirt and scratches on the steel beside the bead."""
    marks = []
    for _ in range(int(rng.integers(0, protocol.MOST_MARKS + 1))):
        x = middle + _side(rng) * width * _draw(rng, (1.6, 2.6))
        y, strength = _draw(rng, (0.1, 0.9)), _draw(rng, protocol.STRENGTH)
        if rng.random() < protocol.SOOT_SHARE:
            half_x, half_y = _draw(rng, protocol.SOOT_RADIUS), _draw(rng, protocol.SOOT_RADIUS)
            marks.append(Flaw("soot", x, y, half_x, half_y, strength))
        else:
            half_x, half_y = _draw(rng, protocol.SCRATCH_HALF), _draw(rng, protocol.SCRATCH_HALF)
            marks.append(Flaw("scratch", x, y, _side(rng) * half_x, half_y, strength))
    return tuple(marks)
