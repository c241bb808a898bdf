"""Topics of an MQTT broker."""

from __future__ import annotations

from engine.plant import MqttSource, Plant
from streams.connectors.mqtt import MqttConnector
from streams.connectors.mqtt_values import TimeRule


def build(source: MqttSource, plant: Plant) -> MqttConnector:
    """Return its connector."""
    return MqttConnector(
        source.broker(plant.shard),
        source.topics,
        [point.build() for point in source.points],
        TimeRule(source.time, source.time_unit, source.zone()),
        {will.topic: (will.machine, will.gone) for will in source.wills},
        plant.catalog().machines,
        plant.clock(),
    )
