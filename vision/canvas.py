"""What a network is shown pictures on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Canvas:
    """What pictures are laid on; a ``stretched`` one they fill, whatever becomes of their shape."""

    height: int
    width: int
    stretched: bool = False

    @classmethod
    def square(cls, side: int) -> Canvas:
        """Return one as high as it is wide."""
        return cls(side, side)

    @property
    def sides(self) -> int | list[int]:
        """The side of a square one, height and width of any other: as a card and a hash tell it."""
        return self.width if self.width == self.height else [self.height, self.width]
