"""What a source with points brings: its points, and the contact that records when nobody heard it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.plant import Plant
from engine.plant.sources.points import PointSection
from streams.connectors.contact import Contact
from streams.connectors.points import Point


def bound(points: Sequence[PointSection], plant: Plant) -> tuple[list[Point], Contact]:
    """Return the points of a source, and its contact."""
    catalog = plant.catalog()
    machines = [catalog.machine(name) for name in dict.fromkeys(point.machine for point in points)]
    tags = {(point.machine, point.tag) for point in points}
    return [point.build() for point in points], Contact(machines, tags, plant.clock())
