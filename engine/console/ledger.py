"""Draw a camera's frame ledger: what was captured, and as what every frame ended."""

from __future__ import annotations

from collections.abc import Mapping

from engine.console.locale import Locale, number
from engine.console.markup import Html, el


def row(camera: str, captured: int, ends: Mapping[str, int], say: Locale) -> Html:
    """Return a bar of the ends in proportion, and the sum that they make."""
    bars = (
        el("i", class_=f"end end--{name}", style=f"flex-grow:{count}")
        for name, count in ends.items()
        if count
    )
    return el(
        "div",
        el("div", el("span", camera, class_="camera"), el("div", *bars, class_="ends"), class_="camera-line"),
        terms(captured, ends, say),
        data_camera=camera,
    )


def terms(captured: int, ends: Mapping[str, int], say: Locale) -> Html:
    """Return the sum in figures."""
    parts = (
        el("span", f"{number(count)} ", el("small", say(f"ledger.{name}"))) for name, count in ends.items()
    )
    return el(
        "p", el("b", number(captured), " ", el("small", say("ledger.captured"))), *parts, class_="terms"
    )
