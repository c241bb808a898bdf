"""Every word of the console, in every language: data, no code.

A module of this folder holds the words of one page as ``TEXTS``, English and Chinese beside each other.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

from engine.console.texts.devices import DEVICES, NAMES
from engine.console.texts.reasons import CHINESE_DOUBTS, CHINESE_WORDS, REASONS
from engine.console.texts.sights import SIGHTS
from engine.console.texts.troubles import TROUBLES as OWN
from engine.console.texts.whys import WHYS

TROUBLES = (*OWN, *DEVICES, *SIGHTS)
"""How Chinese says a trouble: the first pattern that fits it whole."""
PARTS = (*NAMES, *WHYS)
"""How Chinese says what stands inside of one: who it is, and why."""

LANGUAGES = {"en": "English", "zh": "中文"}
"""Code -> what the language calls itself."""

HTML_LANGUAGES: dict[str, Literal["en-US", "zh-CN"]] = {"en": "en-US", "zh": "zh-CN"}


def _merge() -> dict[str, tuple[str, str]]:
    """Return the words of all pages; a key belongs to one page."""
    merged: dict[str, tuple[str, str]] = {}
    for module in iter_modules(__path__):
        texts = getattr(import_module(f"{__name__}.{module.name}"), "TEXTS", {})
        if twice := merged.keys() & texts:
            raise ValueError(f"Two pages say {', '.join(sorted(twice))}: keep each key in one module.")
        merged |= texts
    return merged


TEXTS = _merge()
ENGLISH = {key: english for key, (english, _) in TEXTS.items()}
CHINESE = {key: chinese for key, (_, chinese) in TEXTS.items()}
CATALOG = {"en": ENGLISH, "zh": CHINESE}

__all__ = [
    "CATALOG",
    "CHINESE",
    "CHINESE_DOUBTS",
    "CHINESE_WORDS",
    "ENGLISH",
    "HTML_LANGUAGES",
    "LANGUAGES",
    "PARTS",
    "REASONS",
    "TROUBLES",
]
