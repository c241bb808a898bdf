"""Serials of master parts, which may be patterns: what they stand for, and whether two share a part."""

from __future__ import annotations

import re
import string
from fnmatch import fnmatchcase
from functools import cache

STEP = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)
"""One step of a pattern as `fnmatch` reads it: letters of which one must stand there, or a letter."""
ANY_LETTERS = "*"


def steps(pattern: str) -> tuple[str, ...]:
    """Return a pattern step by step.

    Examples
    --------
    >>> steps("M-[0-9]*")
    ('M', '-', '[0-9]', '*')
    """
    return tuple(STEP.findall(pattern))


def names_a_part(pattern: str) -> bool:
    """Return whether a pattern has a letter of its own; any part's serial could be one that has none."""
    return any(len(step) == 1 and step not in "*?" for step in steps(pattern))


def overlap(one: str, other: str) -> bool:
    """Return whether some serial is meant by both patterns.

    Examples
    --------
    >>> overlap("M-*", "M-7"), overlap("OK-*", "*-7"), overlap("OK-*", "NG-*")
    (True, True, False)
    """
    left, right = steps(one), steps(other)
    letters = sorted({*string.printable, *one, *other})

    @cache
    def meet(step: str, by: str) -> bool:
        return any(fnmatchcase(letter, step) and fnmatchcase(letter, by) for letter in letters)

    waiting, seen = [(0, 0)], set[tuple[int, int]]()
    while waiting:
        i, j = place = waiting.pop()
        if place == (len(left), len(right)):
            return True
        if place in seen:
            continue
        seen.add(place)
        step, by = left[i : i + 1], right[j : j + 1]
        if step == (ANY_LETTERS,):
            waiting.append((i + 1, j))
        if by == (ANY_LETTERS,):
            waiting.append((i, j + 1))
        if step and by and meet(step[0], by[0]):
            waiting.append((i + (step[0] != ANY_LETTERS), j + (by[0] != ANY_LETTERS)))
    return False
