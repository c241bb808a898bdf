"""Draw OEE: its three factors, and where calendar time went, loss by loss, down to what was effective."""

from __future__ import annotations

from collections.abc import Iterator

from engine.console.data import LOSSES, Oee
from engine.console.icons import icon
from engine.console.locale import DASH, Locale, number, percent
from engine.console.markup import Html, el, join

FACTORS = ("availability", "performance", "quality")


def ratios(oee: Oee, say: Locale) -> Html:
    """Return OEE large, and availability x performance x quality as bars."""
    factors = []
    for name in FACTORS:
        share = getattr(oee, name)
        bar = el("i", style=f"width:{100 * min(1.0, share or 0):.2f}%")
        factors.append(
            el(
                "div",
                el("span", say(f"oee.{name}")),
                el("b", percent(share), data_ratio=name),
                el("div", bar, class_="bar"),
                class_="factor",
            )
        )
    total = el(
        "div", el("span", say("oee")), el("strong", percent(oee.oee), data_ratio="oee"), class_="total"
    )
    return el("div", total, el("div", *factors, class_="factors"), class_="ratios")


def steps(oee: Oee) -> Iterator[tuple[str, int, int]]:
    """Yield name, beginning and length of each bar: calendar, the losses off its end, what is left.

    The length of a loss that gained time is negative.
    """
    yield "calendar", 0, oee.calendar
    left = oee.calendar
    for name, loss in zip(LOSSES, oee.losses, strict=True):
        left -= loss
        yield name, left, loss
    yield "effective", 0, oee.effective


def waterfall(oee: Oee, say: Locale) -> Html:
    """Return one row for each step; times and shares of calendar time beside the bars."""
    rows = (_row(name, left, length, oee.calendar, say) for name, left, length in steps(oee) if length)
    sign, text = ("OK", "losses.closes") if oee.closes else ("NG", "losses.open")
    closing = el("p", icon(sign), say(text), class_="foot good" if oee.closes else "foot bad")
    return el("div", join(rows), closing, class_="waterfall")


def _row(name: str, left: int, length: int, calendar: int, say: Locale) -> Html:
    share = length / calendar if calendar else 0.0
    begin = min(left, left + length) / calendar if calendar else 0.0
    place = f"left:{100 * begin:.3f}%;width:{100 * abs(share):.3f}%"
    bar = el("i", class_=f"loss loss--{name}", style=place)
    return el(
        "div",
        el("span", say(f"loss.{name}"), class_="name"),
        el("div", bar, class_="track"),
        el("span", say.microseconds(length), class_="time"),
        el("span", percent(share), class_="share"),
        class_="step",
        data_loss=name,
    )


def parts(oee: Oee, say: Locale) -> Html:
    """Return the shift's parts and the ideal cycle time."""
    ideal = DASH if oee.ideal_cycle is None else f"{oee.ideal_cycle / 1e6:.1f} s"
    facts = {
        "parts.good": number(oee.tally.good),
        "counts.reject": number(oee.tally.reject),
        "counts.review": number(oee.tally.review),
        "ideal_cycle": ideal,
    }
    pairs = (el("div", el("dt", say(key)), el("dd", fact)) for key, fact in facts.items())
    return el("dl", *pairs, class_="facts")
