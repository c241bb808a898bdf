"""Parquet files."""

from __future__ import annotations

from engine.plant import ParquetSource, Plant
from streams.connectors.parquet import ParquetConnector


def build(source: ParquetSource, plant: Plant) -> ParquetConnector:
    """Return its connector."""
    return ParquetConnector(source.path, plant.clock())
