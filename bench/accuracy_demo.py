"""The demo's station on held-out parts: what escapes and what is rejected without cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.demo_station import simulated_station
from cluster.proof import prove
from engine.paths import Home

PARTS = 2000


def measure() -> dict[str, Any]:
    """Send `PARTS` held-out parts through the station's chain.

    The model is the one that ships, whatever is registered in a home.
    """
    return prove(Home(Path("nowhere")), simulated_station(), PARTS, lambda: None)
