"""What is wrong with a plant file, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Fault(NamedTuple):
    """One thing that is wrong: where it stands, counted from 1, and what to do, in one sentence."""

    line: int
    column: int
    says: str


class PlantError(Exception):
    """The plant file cannot be used; the message names the place and the mend, one line a fault."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)
