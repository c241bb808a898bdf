"""Place the names of findings beside their boxes so that each can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

NARROW, WIDE = 0.62, 1.04
"""Width of a letter, as a share of its height."""
ROWS = 8
"""So many rows further up and down are tried before names may overlap."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Label:
    """A text on a picture: its left end and baseline."""

    text: str
    x: float
    y: float

    def overlaps(self, other: Label, size: float) -> bool:
        """Return whether two texts of one height cover each other."""
        apart = self.x + width(self.text, size) <= other.x or other.x + width(other.text, size) <= self.x
        return not apart and abs(self.y - other.y) < size


def width(text: str, size: float) -> float:
    """Return about how wide a text is at a height of letters."""
    return size * sum(WIDE if east_asian_width(letter) in "WF" else NARROW for letter in text)


def place(named: Sequence[tuple[str, Box]], size: float, picture: tuple[float, float]) -> list[Label]:
    """Return a label for each box, above or below it, within the picture and apart from the others."""
    placed: list[Label] = []
    for text, box in named:
        options = list(_options(text, box, size, picture))
        free = (item for item in options if not any(item.overlaps(other, size) for other in placed))
        placed.append(next(free, options[0]))
    return placed


def _options(text: str, box: Box, size: float, picture: tuple[float, float]) -> Iterator[Label]:
    x0, y0, _, y1 = box
    edge = 0.3 * size
    x = max(edge, min(x0, picture[0] - width(text, size) - edge))
    rows = [y for step in range(ROWS) for y in (y0 - size * (0.4 + step), y1 + size * (1.1 + step))]
    inside = [y for y in rows if size <= y <= picture[1] - edge]
    yield from (Label(text, x, y) for y in inside or [size])
