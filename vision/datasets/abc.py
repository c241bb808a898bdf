"""What a format of annotated pictures brings: one picture after another, with the boxes its source says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Corners = tuple[float, float, float, float]
"""x0 y0 x1 y1, in whatever order the source has them."""

Note = Callable[[str, str], object]
"""Told what is not as it should be, and where."""

TRAIN, TEST = "train", "test"
FRACTIONS = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in a picture."""

    label: str
    corners: Corners


@dataclass(frozen=True, slots=True)
class Annotated:
    """A picture and what its source says of it; nothing is straightened or checked yet."""

    picture: Path
    boxes: tuple[Box, ...] = ()
    size: tuple[float, float] | None = None
    """Width and height that the corners are told in; None: those of the picture."""
    side: str = ""
    """`TRAIN` or `TEST` where the source parts them."""
    trouble: str = ""
    """Why it cannot be used as it is annotated; empty where it can."""


class Format(Protocol):
    """A way in which others keep pictures and boxes."""

    name: str

    def find(self, folder: Path) -> bool:
        """Return whether a folder is kept so."""

    def classes(self, folder: Path) -> tuple[str, ...]:
        """Return the classes in the order that the source declares, none where it declares none."""

    def read(self, folder: Path) -> Iterator[Annotated]:
        """Yield every picture, in an order that the folder alone decides."""


def within(folder: Path, name: str) -> Path | None:
    """Return the file that a source names below its folder; None where it points out of it or is no file."""
    file = Path(os.path.normpath(folder / name))
    with suppress(OSError):  # a name that is too long for any file
        return file if file.is_relative_to(os.path.normpath(folder)) and file.is_file() else None
    return None


def class_name(text: object) -> str:
    """Return the name of a class on one line.

    Raises
    ------
    ValueError
        It is empty.
    """
    if not (name := " ".join(str(text).split())):
        raise ValueError("a class has no name")
    return name
