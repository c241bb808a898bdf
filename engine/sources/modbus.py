"""A Modbus device."""

from __future__ import annotations

from engine.plant import ModbusSource, Plant
from engine.sources.polled import polling
from streams.connectors.modbus import ModbusLink
from streams.connectors.modbus_places import LIMITS
from streams.connectors.polling import PollingConnector


def build(source: ModbusSource, plant: Plant) -> PollingConnector:
    """Return its connector."""
    places = [point.place(source.word_order, source.byte_order) for point in source.points]
    limits = LIMITS | {"holding": source.at_once, "input": source.at_once}
    device = f"The Modbus device at {source.host}:{source.port}, unit {source.unit},"
    return polling(
        source,
        plant,
        device,
        places,
        limits,
        lambda: ModbusLink(source.host, source.port, source.unit, source.timeout_s),
    )
