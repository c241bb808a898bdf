"""Master parts: which of them a serial is, and whether it was judged as it must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from engine.plant import MasterSection, ToleranceSection
from vision.records import Outcome, Verdict
from vision.reference import Comparison

MASTER = "master"


def master_of(serial: str, masters: Sequence[MasterSection]) -> MasterSection | None:
    """Return the master part that a serial is; None for a part of production."""
    return next((master for master in masters if fnmatchcase(serial, master.serial)), None)


def wrong(
    master: MasterSection,
    verdict: Verdict,
    comparisons: Mapping[str, Comparison],
    tolerance: ToleranceSection,
) -> str:
    """Return in what a master part was not as expected, in words; empty when all was well.

    Light, focus and place are compared for good master parts only: the reference shows one.
    """
    if verdict.outcome != master.expect:
        return f"judged {verdict.outcome.value}, expected {master.expect} ({verdict.reason.rstrip('.')})"
    if master.expect == Outcome.NG:
        return "" if finds(verdict, master.finds) else f"not rejected for {master.finds}"
    told = (says for view, found in comparisons.items() for says in deviations(view, found, tolerance))
    return "; ".join(told)


def finds(verdict: Verdict, label: str | None) -> bool:
    """Say whether a part was rejected for a class, or whether none is asked for."""
    found = (item.label for view in verdict.views for item in view.findings if item.judged == "reject")
    return label is None or label in found


def deviations(view: str, found: Comparison, tolerance: ToleranceSection) -> Iterator[str]:
    """Yield what of a picture lies too far from its reference."""
    if abs(found.light - 1) > tolerance.light:
        yield f"light of view {view} is {found.light:.2f} of the reference's"
    if abs(found.focus - 1) > tolerance.focus:
        yield f"focus of view {view} is {found.focus:.2f} of the reference's"
    if found.shift > tolerance.shift:
        yield f"view {view} moved by {100 * found.shift:.1f} % of the picture"
