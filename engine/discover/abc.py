"""Contract of the discoverers: what a device offers, before a person says what of it is wanted.

A module of this package that is named like a source's ``kind`` has

    def look(source, below, patience) -> Discovery

``source`` is the section of the plant file, without points; only what lies below the address ``below`` is
looked at (empty: everything), for ``patience`` seconds at the most. It raises `DiscoverError` when the
device cannot be asked.
"""

from __future__ import annotations

from dataclasses import dataclass


class DiscoverError(Exception):
    """The device cannot be asked; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value that could become a tag; the names are the device's own and need not be unique."""

    address: str
    """As the point's ``address`` has it."""
    machine: str
    tag: str
    numeric: bool = True
    """False: a text."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a device offers."""

    found: tuple[Found, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Addresses of what can be no tag, each with the reason in two or three words ("an array")."""
