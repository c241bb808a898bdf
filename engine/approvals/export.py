"""An export that disagrees with the model it was trained as decides nothing: the card's figures say so."""

from __future__ import annotations

from typing import Any

from engine.approvals.errors import ApprovalError
from vision import registry
from vision.registry import Model

MAP50_LOST = 0.01
"""Mean average precision that an export may lose."""
INT8_LOST = 0.02
"""The same of one that declares that it computes in INT8, and so that its scores are others."""
DISAGREEING = 0.02
"""Share of findings that one of the two has and the other has not."""


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
    told = registry.read_card(model.folder).get("metrics", {}).get("export")
    try:
        lost, share = figures(told or {})
    except (KeyError, TypeError, ValueError) as exc:
        raise ApprovalError(
            f"The card of {registry.title(model)} does not say how the export compares with the trained model"
            " (metrics.export); export it anew."
        ) from exc
    limits = [("of mAP50", lost, MAP50_LOST), ("of the findings", share, DISAGREEING)]
    if model.precision != "f32":
        limits = [("of mAP50", lost, INT8_LOST)]
    for what, value, limit in limits:
        if not value <= limit:
            raise ApprovalError(
                f"The export {registry.title(model)} is off the trained model by {value:.4f} {what},"
                f" {limit} is allowed: it decides nothing."
            )


def figures(told: dict[str, Any]) -> tuple[float, float]:
    """Return how much precision an export lost, and the share of findings on which the two disagree."""
    lost = float(told["map50_trained"]) - float(told["map50_exported"])
    return lost, float(told["disagreeing"]) / max(1.0, float(told["detections"]))
