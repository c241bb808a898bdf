"""Pictures of simulated parts, as a station's cameras would take them, and the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.records import Float32, Image
from vision.simulate.part import Flaw, Part, draw_part
from vision.simulate.surface import Textures, albedo, height_map, illuminate, lay_bead
from vision.simulate.views import VIEWS, Viewpoint, project

SMALLEST = 3
"""A flaw seen smaller than this, in pixels, is not part of the truth: nobody could mark it."""
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
    """Render the parts of one seed: part ``index`` is the same part in every view.

    Parameters
    ----------
    seed
        Another seed, another row of parts and another steel.
    size
        Side of the square pictures, pixels.
    flaw_rate
        Share of the parts that have flaws.

    Examples
    --------
    >>> picture = PartRenderer(seed=1, size=160).render(0, "top")
    >>> picture.image.shape
    (160, 160, 3)
    """

    def __init__(self, seed: int, size: int = 416, flaw_rate: float = 0.25) -> None:
        self.seed, self.size, self.flaw_rate = seed, size, flaw_rate
        self._textures = Textures(seed, size)

    def part(self, index: int) -> Part:
        """Return what part ``index`` is like."""
        return draw_part(self.seed, index, self.flaw_rate)

    def render(self, index: int, view: str = "top") -> RenderedPart:
        """Take the picture of part ``index`` from one view.

        Raises
        ------
        ValueError
            No such view.
        """
        if view not in VIEWS:
            raise ValueError(f"there is no simulated view {view!r}; choose one of {', '.join(VIEWS)}")
        part, viewpoint = self.part(index), VIEWS[view]
        boxes, labels = self._truth(part, viewpoint)
        return RenderedPart(self._picture(part, viewpoint), boxes, labels)

    def _picture(self, part: Part, viewpoint: Viewpoint) -> Image:
        bead = lay_bead(part, self._textures)
        colour = albedo(part, bead, self._textures)
        height = height_map(part, bead, self._textures)
        lit = illuminate(height, colour, viewpoint.lamp, part.light * viewpoint.gain)
        seen = cv2.warpPerspective(
            lit, viewpoint.homography(self.size), (self.size, self.size), borderMode=cv2.BORDER_REFLECT_101
        )
        grain = self._textures.cut(self._textures.grain, part.patch[::-1])
        return np.asarray(cv2.addWeighted(seen, 1.0, grain, 1.0, -128.0), dtype=np.uint8)

    def _truth(self, part: Part, viewpoint: Viewpoint) -> tuple[Float32, tuple[str, ...]]:
        bead = Flaw("good" if part.shapely else "Weld", part.centre[4], 0.5, max(part.half_width), 0.5)
        homography = viewpoint.homography(self.size)
        seen = [
            (flaw.label, project(self._outline(flaw), homography, self.size)) for flaw in (bead, *part.flaws)
        ]
        kept = [(label, box) for label, box in seen if (box[2:] - box[:2]).min() >= SMALLEST]
        return np.stack([box for _, box in kept]), tuple(label for label, _ in kept)

    def _outline(self, flaw: Flaw) -> Float32:
        return (CORNERS * (flaw.half_x, flaw.half_y) + (flaw.x, flaw.y)).astype(np.float32) * self.size
