"""The one place that picks the implementation of the kernels."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from kernels import _sources

NAMES: dict[str, tuple[str, ...]] = {
    "boxes": ("decode", "select", "restore"),
    "admit": ("classify", "same", "newest"),
    "detect": ("score",),
    "intervals": ("totals", "split"),
    "json_lines": ("objects",),
    "shdr": ("pairs",),
    "sparkplug": ("decode",),
    "sweeps": ("accumulate",),
    "windows": ("accumulate", "rising", "refold", "merge", "collect", "clear"),
    "pixels": ("blob", "square", "square_of_levels", "grey", "statistics"),
    "pgcopy": (
        "measure_integers",
        "measure_floats",
        "measure_texts",
        "put_counts",
        "put_integers",
        "put_floats",
        "put_texts",
    ),
}
"""Kernel module -> the functions that both of its twins must fill."""

IMPLEMENTATIONS = {"c": "kernels._{}_c", "python": "kernels.pure.{}"}
STALE = (
    "The kernels were compiled from other sources than those beside them; run: make kernels"
    " (in an environment of your own: pip install -e .)"
)


def pick() -> str:
    """Return the implementation asked for by ``SEAMLINE_KERNELS``; without it the compiled one if built.

    Raises
    ------
    ImportError
        The compiled kernels were asked for but never built, or were built from other sources than those
        beside them; or the variable holds another word.
    """
    asked = os.environ.get("SEAMLINE_KERNELS", "")
    if asked not in ("", *IMPLEMENTATIONS):
        raise ImportError(f"SEAMLINE_KERNELS={asked!r} names no implementation; set it to c or python")
    built = all(find_spec(IMPLEMENTATIONS["c"].format(name)) for name in NAMES)
    if asked == "c" and not built:
        raise ImportError("SEAMLINE_KERNELS=c, but the kernels are not compiled; run: pip install -e .")
    picked = asked or ("c" if built else "python")
    if picked == "c" and _sources.stale():
        raise ImportError(STALE)
    return picked


def load(name: str, impl: str | None = None) -> ModuleType:
    """Return one twin of a kernel module, the picked one if not said otherwise."""
    return import_module(IMPLEMENTATIONS[impl or IMPL].format(name))


IMPL = pick()
