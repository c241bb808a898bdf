"""Whether a part's pictures were exposed as its recipe asks: the first of another part number were not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.plant import Camera, Judging
from engine.recipe import exposed
from vision.records import Frame


class Changeover:
    """Know for each part number how its cameras must stand.

    Parameters
    ----------
    recipes
        By part number.
    opened
        Tells as what the camera of a picture was opened; None where nobody knows any more.
    """

    def __init__(self, recipes: Mapping[str, Judging], opened: Callable[[Frame], Camera | None]) -> None:
        self._recipes, self._opened = recipes, opened
        self._wanted: dict[str, dict[str, Camera]] = {}

    def look(self, roster: Sequence[Camera]) -> None:
        """Take which cameras there are now."""
        self._wanted = {
            number: {camera.name: camera for camera in exposed(roster, recipe)}
            for number, recipe in self._recipes.items()
        }

    def stale(self, number: str, frames: Sequence[Frame]) -> str:
        """Return the part number that a camera still stood for; empty where all stood as for this one."""
        own = self._wanted.get(number, {})
        for frame in frames:
            stood = self._opened(frame)
            if stood is None or stood == own.get(frame.camera):
                continue
            for other, wanted in self._wanted.items():
                if wanted.get(frame.camera) == stood:
                    return other
        return ""
