"""Draw why a verdict is what it is: the rule that decided, its finding, and what was said of the others."""

from __future__ import annotations

from collections.abc import Iterator

from engine.console.data import Decision, Finding
from engine.console.locale import DASH, Locale
from engine.console.markup import Html, el
from engine.console.part_query import Attempt

UNITS = {"length_mm": "mm", "area_mm2": "mm²", "depth_mm": "mm"}


def explanation(attempt: Attempt, say: Locale) -> Html:
    """Return which rule decided on which finding of which view, and every finding with its own rule."""
    decision = attempt.part.decision
    if decision is None:
        return el("section", el("h2", say("why")), el("p", say("why.before"), class_="muted"), class_="card")
    facts = {
        "why.rule": say.rule(decision.rule),
        "why.set": " · ".join(filter(None, (decision.rule_set, decision.process, decision.standard))),
        "why.view": decision.view,
        "why.finding": decided_on(attempt, decision, say),
        "why.measure": measured(decision, say),
        "why.recipe": decision.recipe,
        "why.purpose": say("why.master") if decision.purpose else "",
        "release.suspect": suspected(attempt, say),
    }
    pairs = (el("div", el("dt", say(key)), el("dd", fact)) for key, fact in facts.items() if fact)
    rows = [row for picture in attempt.pictures for row in finding_rows(picture.view, picture.findings, say)]
    found = el("ul", *rows, class_="judged") if rows else None
    return el(
        "section", el("h2", say("why")), el("dl", *pairs, class_="facts"), found, class_="card why-card"
    )


def suspected(attempt: Attempt, say: Locale) -> str:
    """Return which master part failed after the verdict; empty where none did."""
    found = attempt.suspect
    return say("why.suspect", master=found.master, time=say.date(found.failed_at)) if found else ""


def decided_on(attempt: Attempt, decision: Decision, say: Locale) -> str:
    """Return the finding that decided, by its class; empty where none did."""
    if decision.finding is None:
        return ""
    named = (
        item
        for picture in attempt.pictures
        if picture.view == decision.view
        for item in picture.findings
        if item.place == decision.finding
    )
    found = next(named, None)
    return say("why.number", number=decision.finding + 1) if found is None else described(found, say)


def measured(decision: Decision, say: Locale) -> str:
    """Return what was measured beside the bound of the rule."""
    if not decision.measure:
        return ""
    unit = UNITS.get(decision.measure, "")
    value, bound = (amount(number, unit) for number in (decision.value, decision.bound))
    return say("why.bound", measure=say(f"measure.{decision.measure}"), value=value, bound=bound)


def finding_rows(view: str, findings: tuple[Finding, ...], say: Locale) -> Iterator[Html]:
    """Yield a line for every finding of a view: what it is, and what its rule said of it."""
    for item in reversed(findings):
        if item.judged:
            words = [view, described(item, say), say(f"judged.{item.judged}")]
            if item.rule:
                words.append(say.rule(item.rule))
            yield el("li", " · ".join(words), class_=f"judged--{item.judged}")


def described(finding: Finding, say: Locale) -> str:
    """Return a finding's class, score and size, and whether it lies beside the seam."""
    sizes = [f"{finding.score:.2f}"]
    if finding.length_mm is not None:
        sizes.append(amount(finding.length_mm, "mm"))
    if finding.area_mm2 is not None:
        sizes.append(amount(finding.area_mm2, "mm²"))
    if finding.on_seam == 0:
        sizes.append(say("why.beside"))
    return f"{say.label(finding.label)} {', '.join(sizes)}"


def amount(number: float | None, unit: str) -> str:
    """Return a number with its unit; a dash where nobody knows it."""
    return DASH if number is None else f"{number:.3g} {unit}".strip()
