"""Rendered weld parts: pictures of a bead on a tube from several views, their flaws known exactly."""

from vision.simulate.part import Flaw, Part, draw_part
from vision.simulate.protocol import CLASSES, FLAWS
from vision.simulate.render import PartRenderer, RenderedPart
from vision.simulate.views import VIEWS

__all__ = ["CLASSES", "FLAWS", "VIEWS", "Flaw", "Part", "PartRenderer", "RenderedPart", "draw_part"]
