"""Sparkplug's edge nodes."""

from __future__ import annotations

from engine.plant import Plant, SparkplugSource
from streams.connectors.sparkplug import SparkplugConnector


def build(source: SparkplugSource, plant: Plant) -> SparkplugConnector:
    """Return their connector."""
    return SparkplugConnector(
        source.broker(plant.shard),
        [point.build() for point in source.points],
        source.host_id,
        plant.catalog().machines,
        plant.clock(),
    )
