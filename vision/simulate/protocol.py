"""What was fixed before any model saw a rendered part: flaws, how hard they are to see, whose seed is whose.

Lengths are fractions of the part's side (416 px as rendered, 320 px as the detector sees it).
"""

from __future__ import annotations

from typing import NamedTuple

TRAIN_SEEDS = range(1000, 2000)
"""Seeds of parts that models are trained on."""
VALIDATION_SEEDS = range(2000, 3000)
"""Seeds of parts that every choice rests on: bands, epochs, which of two models."""
HELD_OUT_SEEDS = range(3000, 4000)
"""Seeds of parts that prove a finished model; nothing is trained or chosen on them.

The seeds below belong to running plants: no model was trained or chosen on those either.
"""

Range = tuple[float, float]


class Kind(NamedTuple):
    """A kind of flaw: its share of the flawed parts, how many a part has at most, its code if it has one."""

    share: float
    most: int = 1
    iso6520: str = ""


KINDS = {
    "Surface_pores": Kind(0.35, most=3, iso6520="2017"),
    "wrong_size": Kind(0.15),
    "Not_fully_soldered": Kind(0.15),
    "crater": Kind(0.15),
    "undercut": Kind(0.10, iso6520="5012"),
    "spatter": Kind(0.10, most=3, iso6520="602"),
}
"""Flaws that are drawn, with their codes of ISO 6520-1 where the drawing is one imperfection of it: a
surface pore, an intermittent undercut, spatter. A bead that lacks width, a piece of bead that is missing
and a depression where the arc stopped have no one code."""
FLAWS = tuple(KINDS)
MISSHAPEN = ("wrong_size", "Not_fully_soldered", "crater")
"""Flaws of the bead's shape."""
PHOTOGRAPHED = ("good", "Surface_pores", "wrong_size", "Not_fully_soldered", "crater", "Weld")
CLASSES = (*PHOTOGRAPHED, "undercut", "spatter")
"""Classes of a detector of rendered parts: those of the photographs, in their order, and two more."""

FLAW_RATE = 0.25
"""Share of a simulated plant's parts that have flaws."""
STRENGTH: Range = (0.6, 1.0)
"""How much of its kind's depth, colour or lack a flaw has: the weakest are hard to see."""
PORE_RADIUS: Range = (0.014, 0.026)
SPATTER_RADIUS: Range = (0.010, 0.020)
UNDERCUT_HALF: tuple[float, Range] = (0.022, (0.06, 0.12))
"""Half of an undercut's width, and of its length."""
CRATER_HALF = (0.55, 0.50)
"""Half of a crater across and along the bead, in half widths of the bead."""
STRETCH_HALF: Range = (0.10, 0.16)
"""Half of the length over which a bead is too narrow or missing."""
NARROWED = 0.45
"""Share of its width that a bead of the wrong size lacks, at full strength."""
DEPTHS = {"Surface_pores": -0.022, "crater": -0.05, "undercut": -0.02, "spatter": 0.014}
"""How high a flaw stands at its middle, at full strength; below the surface is negative."""
STAINS = {"Surface_pores": 0.95, "crater": 0.45, "undercut": 0.75, "spatter": 0.35, "soot": 0.5}
"""How black a flaw or mark is at its middle, at full strength."""

MARKS = ("soot", "scratch")
"""What a sound part may carry: dirt and scratches beside the bead are no flaws."""
MOST_MARKS = 3
SOOT_SHARE = 0.5
SOOT_RADIUS: Range = (0.04, 0.09)
SCRATCH_HALF: Range = (0.04, 0.12)
"""Half of what a scratch measures across and along the part."""
