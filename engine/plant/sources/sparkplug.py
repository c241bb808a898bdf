"""Sparkplug's edge nodes in the plant file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from engine.plant.sources.broker import BrokerSection
from engine.plant.sources.points import PointSection
from streams.connectors.sparkplug_points import split


def _metric(address: str) -> str:
    try:
        group, node, device, metric = split(address)
    except ValueError:
        group = node = device = metric = ""
    if not (group and node and metric) or set(group + node + device) & {"+", "#"}:
        raise ValueError(f"{address!r} is no metric; write group/node/device/metric, or group/node//metric")
    return address


class MetricSection(PointSection):
    """A metric of a node's device bound to a tag."""

    address: Annotated[str, AfterValidator(_metric)]
    """``group/node/device/metric``; of the node itself, ``group/node//metric``."""


class SparkplugSource(BrokerSection):
    """Edge nodes that speak Sparkplug B over a broker."""

    kind: Literal["sparkplug"]
    """Nodes tell their metrics when they are born; only those to which points are bound are listened to."""
    host_id: str = ""
    """Our name as primary host: nodes may keep what they have to say while we are away; left out: none."""
    points: list[MetricSection] = []
    """Metrics bound to tags."""
