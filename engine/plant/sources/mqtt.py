"""Topics of an MQTT broker in the plant file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from engine.plant.section import Section
from engine.plant.sources.broker import BrokerSection
from engine.plant.sources.points import PointSection
from engine.plant.sources.stamped import StampedSource


def _filter(topic: str) -> str:
    levels = topic.split("/")
    if not topic or "#" in levels[:-1] or any(len(level) > 1 and set(level) & {"+", "#"} for level in levels):
        raise ValueError(f"{topic!r} is no topic; + stands for a whole level, # for all that follow")
    return topic


def _plain(topic: str) -> str:
    if not topic or set(topic) & {"+", "#"}:
        raise ValueError(f"{topic!r} must be one topic; write it without + and #")
    return topic


def _address(address: str) -> str:
    topic, path, steps = address.partition("#")
    _plain(topic)
    if path and not steps:
        raise ValueError(f"{address!r} names no value; write the path behind #, like {topic}#load")
    return address


class WillSection(Section):
    """What the broker says when a device is gone: its last will."""

    topic: Annotated[str, AfterValidator(_plain)]
    """The topic of its state."""
    machine: str
    """Which machine is gone then."""
    gone: str = "offline"
    """The word that says so; any other says that it is there."""


class TopicPointSection(PointSection):
    """A topic bound to a tag; with ``#`` and a path, a value in its JSON."""

    address: Annotated[str, AfterValidator(_address)]
    """The topic; where its payload is JSON, ``topic#key.key``."""


class MqttSource(StampedSource, BrokerSection):
    """Topics of a broker: JSON lines of readings, or a value each."""

    kind: Literal["mqtt"]
    """A broker of MQTT 3.1.1 or 5: what it has acknowledged from us is on disk."""
    topics: list[Annotated[str, AfterValidator(_filter)]] = []
    """Topics, perhaps with + and #, that bring JSON lines of readings."""
    points: list[TopicPointSection] = []
    """Topics that bring values."""
    time: str = ""
    """Path of the time in the JSON of bound topics; left out: the time of receipt."""
    time_unit: Literal["s", "ms", "us"] = "us"
    """Unit of that time since 1970, if it is a number; a text is ISO 8601."""
    wills: list[WillSection] = []
    """Last wills of devices."""
