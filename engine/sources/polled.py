"""What a source that is asked again and again is built of, whatever its protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.plant import McSource, ModbusSource, Plant, S7Source
from engine.sources.bound import bound
from streams.connectors.blocks import Place, plan
from streams.connectors.points import Binding
from streams.connectors.polling import Link, PollingConnector


def polling(
    source: ModbusSource | McSource | S7Source,
    plant: Plant,
    device: str,
    places: Sequence[Place],
    limits: Mapping[str, int],
    dial: Callable[[], Link],
) -> PollingConnector:
    """Return its connector.

    Parameters
    ----------
    device
        What it is called in sentences.
    limits
        The most units of each area that a request may ask for.
    """
    points, contact = bound(source.points, plant)
    blocks = plan(places, limits, source.gap)
    return PollingConnector(device, dial, blocks, Binding(points), contact, plant.clock(), source.interval_s)
