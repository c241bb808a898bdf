"""Pictures of simulated parts, as a station's cameras would take them, and the truth beside them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np

from vision.records import Float32, Image
from vision.simulate.part import Flaw, Part, draw_part
from vision.simulate.protocol import DEPTHS, FLAW_RATE
from vision.simulate.surface import CREST, Surface, Textures, illuminate, make_surface
from vision.simulate.views import VIEWS, Viewpoint, project

SMALLEST = 3
"""A flaw seen smaller than this, in pixels, is not part of the truth: nobody could mark it."""
KEPT = 4
"""Surfaces kept: cameras that look at the same part ask for it soon after each other."""
CORNERS = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class RenderedPart:
    """One picture (size, size, 3) uint8 BGR, and what is to be seen in it.

    ``boxes`` (n, 4) are x0 y0 x1 y1 in pixels. The first is the bead's own: labelled ``good``, or
    ``Weld`` where its shape is flawed; a bead with pores is still called good, as in the photographs.
    """

    image: Image
    boxes: Float32
    labels: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Return whether no flaw is in the picture."""
        return all(label in ("good", "Weld") for label in self.labels)


class PartRenderer:
    """Render the parts of one seed, from any thread: part ``index`` is the same part in every view.

    Parameters
    ----------
    seed
        Another seed, another row of parts and another steel.
    size
        Side of the square pictures, pixels.
    flaw_rate
        Share of the parts that have flaws.
    crowd
        How many kinds of flaws a flawed part may have.

    Examples
    --------
    >>> picture = PartRenderer(seed=1, size=160).render(0, "top")
    >>> picture.image.shape
    (160, 160, 3)
    """

    def __init__(self, seed: int, size: int = 416, flaw_rate: float = FLAW_RATE, crowd: int = 1) -> None:
        self.seed, self.size, self.flaw_rate, self.crowd = seed, size, flaw_rate, crowd
        self._textures = Textures(seed, size)
        self._rays = {name: view.rays(size) for name, view in VIEWS.items()}
        self._surfaces: OrderedDict[int, Surface] = OrderedDict()
        self._welding = threading.Lock()

    def part(self, index: int) -> Part:
        """Return what part ``index`` is like."""
        return draw_part(self.seed, index, self.flaw_rate, self.crowd)

    def render(self, index: int, view: str = "top") -> RenderedPart:
        """Take the picture of part ``index`` from one view.

        Raises
        ------
        ValueError
            No such view.
        """
        if view not in VIEWS:
            raise ValueError(f"there is no simulated view {view!r}; choose one of {', '.join(VIEWS)}")
        part = self.part(index)
        boxes, labels = self._truth(part, VIEWS[view])
        return RenderedPart(self._picture(part, self._surface(index, part), view), boxes, labels)

    def _surface(self, index: int, part: Part) -> Surface:
        with self._welding:
            if index not in self._surfaces:
                self._surfaces[index] = make_surface(part, self._textures)
                if len(self._surfaces) > KEPT:
                    self._surfaces.popitem(last=False)
            return self._surfaces[index]

    def _picture(self, part: Part, surface: Surface, view: str) -> Image:
        viewpoint = VIEWS[view]
        lit = illuminate(surface.height, surface.colour, viewpoint.lamp, part.light * viewpoint.gain)
        x, y = self._rays[view]
        if viewpoint.lean:
            x = x - viewpoint.lean * cv2.remap(surface.relief, x, y, cv2.INTER_LINEAR)
        seen = cv2.remap(lit, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        grain = self._textures.cut(self._textures.grain, part.patch[::-1])
        return np.asarray(cv2.addWeighted(seen, 1.0, grain, 1.0, -128.0), dtype=np.uint8)

    def _truth(self, part: Part, viewpoint: Viewpoint) -> tuple[Float32, tuple[str, ...]]:
        bead = Flaw("good" if part.shapely else "Weld", part.centre[4], 0.5, max(part.half_width), 0.5)
        seen = [(flaw.label, self._box(flaw, rise(part, flaw), viewpoint)) for flaw in (bead, *part.flaws)]
        kept = [(label, box) for label, box in seen if (box[2:] - box[:2]).min() >= SMALLEST]
        return np.stack([box for _, box in kept]), tuple(label for label, _ in kept)

    def _box(self, flaw: Flaw, height: float, viewpoint: Viewpoint) -> Float32:
        corners = CORNERS * (flaw.half_x, flaw.half_y) + (flaw.x + viewpoint.lean * height, flaw.y)
        outline = corners.astype(np.float32) * self.size
        return project(outline, viewpoint.homography(self.size), self.size)


def rise(part: Part, flaw: Flaw) -> float:
    """Return how high the bead stands where a small flaw is; what spans the bead begins on the steel."""
    if flaw.label not in DEPTHS:
        return 0.0
    places = np.linspace(0, 1, len(part.centre))
    centre, width = (np.interp(flaw.y, places, knots) for knots in (part.centre, part.half_width))
    return float(CREST * np.sqrt(max(0.0, 1 - ((flaw.x - centre) / width) ** 2)))
