"""Look at what a device offers and write the binding, for a person to edit; one module a protocol."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from engine.discover.abc import DiscoverError, Discovery, Found
from engine.discover.fragment import dump, fragment, write
from engine.plant import PlantError, Source
from engine.plant.document import Document, NotYaml
from engine.plant.file import parse
from engine.plant.references import nearest

__all__ = ["DiscoverError", "Discovery", "Found", "described", "discover", "fragment", "kinds", "write"]

SHARED = {"abc", "fragment"}


def kinds() -> list[str]:
    """Return the kinds of sources that can be looked at."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in SHARED)


def discover(source: dict[str, Any], below: str, patience: float) -> Discovery:
    """Ask a device what it offers.

    Parameters
    ----------
    source
        Its source as the plant file has it (`described`).
    below
        The address below which to look; empty: everything.
    patience
        How many seconds it may take.

    Raises
    ------
    DiscoverError
        The source is not described well, or the device cannot be asked.
    """
    section = _checked(source)
    found: Discovery = import_module(f"engine.discover.{section.kind}").look(section, below, patience)
    if not found.found:
        raise DiscoverError("Nothing was found that could be a tag; look below another address.")
    return found


def described(kind: str, words: Iterable[str]) -> dict[str, Any]:
    """Return a source as the plant file has it, from words like ``host=10.0.0.5`` and ``password.env=PW``.

    Raises
    ------
    DiscoverError
        The kind cannot be looked at, or a word is none of that form.
    """
    if kind not in kinds():
        raise DiscoverError(f"A source of kind {kind!r} cannot be looked at; {nearest(kind, kinds())}")
    source: dict[str, Any] = {"kind": kind, "name": kind}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise DiscoverError(f"{word!r} is no key=value; write it like host=10.0.0.5.")
        *sections, last = key.split(".")
        _place(source, sections)[last] = _value(value)
    return source


def _place(source: dict[str, Any], sections: Iterable[str]) -> dict[str, Any]:
    """Return the section that lies within others; one that was no section becomes one."""
    for section in sections:
        if not isinstance(source.get(section), dict):
            source[section] = {}
        source = source[section]
    return source


def _value(text: str) -> Any:
    """Return what the plant file would read."""
    try:
        value = Document(text).value
    except NotYaml:
        return text
    return value if isinstance(value, int | float) else text


def _checked(source: dict[str, Any]) -> Source:
    try:
        return parse(dump({"name": "looking", "sources": [source | {"points": []}]}), "source").sources[0]
    except PlantError as exc:
        says = " ".join(fault.says for fault in exc.faults)
        raise DiscoverError(f"The source is not described well: {says}") from exc
