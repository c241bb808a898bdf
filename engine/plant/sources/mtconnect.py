"""An MTConnect agent in the plant file."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from engine.plant.section import Positive, Section
from engine.plant.sources.broker import TlsSection
from engine.plant.sources.points import PointSection
from engine.plant.sources.stamped import StampedSource


def _agent(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        known = False
    if not known or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{url!r} is no agent's address; write it like http://10.0.0.9:5000")
    return url


def _item(address: str) -> str:
    device, _, item = address.partition("/")
    if not (device and item):
        raise ValueError(f"{address!r} is no data item; write device/item, each by its name or its id")
    return address


class DeviceSection(Section):
    """A device of an agent that is a machine."""

    device: str
    """Its name in the agent, or its uuid."""
    machine: str
    """The machine; its tags are the data items of the same name or id."""


class ItemSection(PointSection):
    """A data item bound to a tag."""

    address: Annotated[str, AfterValidator(_item)]
    """``device/item``: the device's name or uuid, the item's name or id."""


class MTConnectSource(StampedSource):
    """An MTConnect agent over HTTP: its state once, then every event by its sequence number."""

    kind: Literal["mtconnect"]
    """An agent keeps a buffer: what comes while we are away is fetched, unless it runs over."""
    name: str
    """Names the source in the log and in quarantine."""
    url: Annotated[str, AfterValidator(_agent)]
    """Its address; a device's name behind it asks for that device alone."""
    tls: TlsSection | None = None
    """Whom we trust and who we are, where the address is https; left out: the system's authorities."""
    interval_s: Positive = 0.1
    """Seconds that the agent may collect before it sends."""
    devices: list[DeviceSection] = []
    """Devices that are machines, tag by name."""
    points: list[ItemSection] = []
    """Further data items, bound one by one."""
