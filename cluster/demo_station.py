"""The demo plant's inspection station: three cameras look at each rendered part, one detector judges them."""

from __future__ import annotations

from engine.plant import SimulatedCamera, StationSection

STATION = "weld-1"
MODEL = "weld-sim"
VIEWS = ("top", "left", "right")
PARTS_PER_S = 1.5
SEED = 1
PATIENCE_S = 10.0
REVIEW_ABOVE, REJECT_ABOVE = 0.15, 0.5
"""Bands of the score, chosen on parts of validation seeds: ``python -m bench bands``."""


def simulated_station(follows: str | None = None) -> StationSection:
    """Describe a station that sees every part from all `VIEWS`; a part that lacks one is never OK.

    ``follows`` names the machine whose finished parts it judges; None: parts of its own, at its own pace.
    """
    cameras = [
        SimulatedCamera(
            kind="simulated",
            name=f"camera-{view}",
            view=view,
            rate=PARTS_PER_S,
            seed=SEED,
            follows=follows,
        )
        for view in VIEWS
    ]
    return StationSection(
        name=STATION,
        cameras=list(cameras),
        model=MODEL,
        judges=follows,
        views=list(VIEWS),
        patience_s=PATIENCE_S,
        review_above=REVIEW_ABOVE,
        reject_above=REJECT_ABOVE,
    )
