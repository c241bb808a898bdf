"""What an MTConnect agent offers: its probe."""

from __future__ import annotations

from engine.discover.abc import DiscoverError, Discovery, Found
from engine.plant import MTConnectSource
from engine.sources.mtconnect import agent
from streams.connectors.mtconnect_http import AgentError, TooLong
from streams.connectors.mtconnect_xml import DataItem, DocumentError, parse

LEFT_OUT = {
    "TIME_SERIES": "a time series",
    "DATA_SET": "a data set",
    "TABLE": "a table",
    "DISCRETE": "",
    "VALUE": "",
    "": "",
}
UNITS = {
    "AMPERE": "A",
    "CELSIUS": "°C",
    "DEGREE": "°",
    "HERTZ": "Hz",
    "KILOWATT": "kW",
    "MILLIMETER": "mm",
    "MILLIMETER/SECOND": "mm/s",
    "NEWTON": "N",
    "NEWTON_METER": "Nm",
    "PASCAL": "Pa",
    "PERCENT": "%",
    "REVOLUTION/MINUTE": "rpm",
    "SECOND": "s",
    "VOLT": "V",
    "WATT": "W",
}


def look(source: MTConnectSource, below: str, patience: float) -> Discovery:
    """Ask an agent for its probe; ``below`` is a device, and perhaps the begin of an item.

    Raises
    ------
    DiscoverError
        It does not answer, or not as an agent would.
    """
    asked = agent(source)
    try:
        document = parse(asked.ask("probe", patience))
    except AgentError as exc:
        raise DiscoverError(str(exc)) from exc
    except DocumentError as exc:
        raise DiscoverError(f"{asked} sent a document that is refused: {exc}.") from exc
    except TooLong as exc:
        raise DiscoverError(f"{asked} sent a document that is too long.") from exc
    items = [(f"{one.device}/{one.name or one.item}", one) for one in document.items]
    told = [(place, one, reason(one)) for place, one in items if place.startswith(below)]
    return Discovery(
        tuple(_found(place, one) for place, one, why in told if not why),
        tuple((place, why) for place, _, why in told if why),
    )


def reason(one: DataItem) -> str:
    """Return why a data item can be no tag, empty when it can.

    >>> reason(DataItem("mill", "p1", "position", "SAMPLE", "MILLIMETER_3D", ""))
    'three numbers'
    """
    if one.units.endswith("_3D"):
        return "three numbers"
    return LEFT_OUT.get(one.representation, "of no known representation")


def _found(place: str, one: DataItem) -> Found:
    numeric = one.category == "SAMPLE" or (one.category == "EVENT" and bool(one.units))
    return Found(place, one.device, one.name or one.item, numeric, UNITS.get(one.units, one.units))
