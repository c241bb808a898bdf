"""Draw a station's handshake with its PLC: how it is, how quick it answers, what went wrong how often."""

from __future__ import annotations

from collections.abc import Callable

from engine.console.locale import DASH, Locale, number
from engine.console.markup import Html, el
from engine.console.vitals import Vital
from engine.handshake.reasons import MISDEEDS, REASONS
from engine.health import Part


def handshake(vital: Vital, part: Part, line: Callable[..., Html], say: Locale) -> Html:
    """Return the card; ``line`` draws its state in words."""
    milliseconds = part.counters.get("last_cycle_ms", 0)
    facts = {
        say("handshake.cycles"): number(part.counters.get("cycles", 0)),
        say("handshake.last"): f"{milliseconds:.0f} ms" if milliseconds else DASH,
        **{
            say(f"outcome.{word.upper()}"): _count(part, f"answers_{word}") for word in ("ok", "ng", "review")
        },
    }
    told = [el("span", f"{say(f'handshake.{name}')} ", el("b", _count(part, name))) for name in _found(part)]
    pairs = (el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())
    return el(
        "div",
        el("h3", say("handshake"), " ", el("small", part.name)),
        line(say("handshake.works"), part, vital, say),
        el("dl", *pairs, class_="facts"),
        el("p", *told, class_="muted") if told else None,
        class_="handshake",
        data_part=part.name,
    )


def _count(part: Part, name: str) -> str:
    return number(part.counters.get(name, 0))


def _found(part: Part) -> list[str]:
    names = [reason.name for reason in REASONS] + list(MISDEEDS)
    return [name for name in names if part.counters.get(name)]
