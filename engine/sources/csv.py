"""A CSV file."""

from __future__ import annotations

from engine.plant import CsvSource, Plant
from streams.connectors.csv import CsvConnector


def build(source: CsvSource, plant: Plant) -> CsvConnector:
    """Return its connector."""
    machine = plant.catalog().machine(source.machine)
    return CsvConnector(
        machine, source.path, source.time_column, source.separator, source.columns, plant.clock()
    )
