"""An export that disagrees with the model it was trained as decides nothing: the card's figures say so."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.approvals.errors import ApprovalError
from vision import registry
from vision.registry import Model

MAP50_LOST = 0.01
"""Mean average precision that an export may lose."""
DISAGREEING = 0.02
"""Share of findings that one of the two has and the other has not."""
QUANTISED_LOST = 0.02
"""What one quantised to INT8 may lose against the export it was made of, whatever its card allows.

As much it may lose against the trained model: an export that was refused is not mended by quantising it.
"""

COMPARE = "register the export once more with --trained and --data, so that they are compared"
"""What to do about one that was exported elsewhere."""


class Figure(NamedTuple):
    """How far an export is off, of what, and what is allowed."""

    off: float
    what: str
    allowed: float


def check(model: Model) -> None:
    """See that a detector's card holds the comparison, and that it is within the limits.

    A bank of good parts is what was fitted: nothing was exported, and nothing is to be compared.

    Raises
    ------
    ApprovalError
        Nobody compared them, or the export is off.
    """
    if model.task == "anomaly":
        return
    card = registry.read_card(model.folder)
    try:
        told = figures(card)
    except (KeyError, TypeError, ValueError) as exc:
        mend = COMPARE if "adopted" in card else "export it anew"
        raise ApprovalError(
            f"The card of {registry.title(model)} does not say how the export compares with the trained model"
            f" (metrics.export); {mend}."
        ) from exc
    for off, what, allowed in told:
        if not off <= allowed:
            raise ApprovalError(
                f"The export {registry.title(model)} is off the trained model by {off:.4f} {what},"
                f" {allowed:g} is allowed: it decides nothing."
            )


def figures(card: dict[str, Any]) -> tuple[Figure, ...]:
    """Return what a card says of an export, or of its quantised form, beside what it was made of.

    What is quantised has boxes and scores of its own: its findings may differ.

    Raises
    ------
    KeyError, TypeError, ValueError
        It does not say it.
    """
    told = card["metrics"]["export"]
    lost = float(told["map50_trained"]) - float(told["map50_exported"])
    if quantised := card.get("quantised"):
        by_steps = float(card["metrics"]["map50_before"]) - float(card["metrics"]["map50"])
        allowed = min(QUANTISED_LOST, float(quantised["map50_loss_allowed"]))
        return Figure(by_steps, "of mAP50", allowed), Figure(lost, "of mAP50", QUANTISED_LOST)
    share = float(told["disagreeing"]) / max(1.0, float(told["detections"]))
    return Figure(lost, "of mAP50", MAP50_LOST), Figure(share, "of the findings", DISAGREEING)
