"""What Sparkplug's edge nodes offer: whoever speaks is asked for its births, which are read."""

from __future__ import annotations

import time

from engine.discover.abc import DiscoverError, Discovery, Found
from engine.plant import SparkplugSource
from engine.plant.secrets import SecretError
from streams.connectors.mqtt_session import BrokerError, Message, Session
from streams.connectors.sparkplug import ask_for_births
from streams.connectors.sparkplug_decoder import NodeName, address, told_by
from streams.connectors.sparkplug_node import Metric
from streams.connectors.sparkplug_points import NUMBERS, TEXTS

WAIT = 0.1
CONTROLS = ("Node Control/", "Device Control/", "bdSeq")
LEFT_OUT = {16: "a data set", 17: "bytes", 18: "a file", 19: "a template"}
MOST = 100_000
"""Metrics that are listed."""


def look(source: SparkplugSource, below: str, patience: float) -> Discovery:
    """Listen to the nodes below ``group`` or ``group/node`` as long as there is patience.

    Raises
    ------
    DiscoverError
        The broker cannot be used.
    """
    listened = Listened(below)
    try:
        session = Session(source.broker("discover"), keeps=False)
        session.connect()
        session.subscribe([listened.topic])
        end = time.monotonic() + patience
        while (rest := end - time.monotonic()) > 0:
            for message in session.receive(min(rest, WAIT)):
                listened.take(message, session)
        session.close()
    except (BrokerError, SecretError) as exc:
        raise DiscoverError(str(exc)) from exc
    return Discovery(tuple(listened.found.values()), tuple(listened.left_out.items()))


class Listened:
    """What was heard so far; every node is asked once."""

    def __init__(self, below: str) -> None:
        group, _, node = below.partition("/")
        self.topic = f"spBv1.0/{group or '+'}/+/{node.partition('/')[0] or '+'}/#"
        self._below = below
        self.found: dict[str, Found] = {}
        self.left_out: dict[str, str] = {}
        self._asked: set[NodeName] = set()

    def take(self, message: Message, session: Session) -> None:
        """Read a birth, and ask who was not asked yet."""
        if (told := address(message.topic)) is None:
            return
        name, kind, device = told
        if message.qos:
            session.acknowledge(message.mid)
        if name not in self._asked and kind != "NDEATH":
            self._asked.add(name)
            ask_for_births(session, name)
        if kind in {"NBIRTH", "DBIRTH"}:
            self._birth(name, device, message.payload)

    def _birth(self, name: NodeName, device: str, payload: bytes) -> None:
        try:
            metrics = told_by(payload)
        except ValueError as exc:
            self.left_out["/".join((*name, device))] = str(exc).replace("_", " ")
            return
        for metric in metrics:
            self._metric(f"{'/'.join(name)}/{device}/{metric.name}", device or name[1], metric)

    def _metric(self, place: str, machine: str, metric: Metric) -> None:
        if not place.startswith(self._below) or len(self.found) + len(self.left_out) >= MOST:
            return
        if not metric.name or metric.name.startswith(CONTROLS):
            self.left_out[place] = "a control" if metric.name else "no name"
        elif metric.type in NUMBERS or metric.type in TEXTS:
            self.found[place] = Found(place, machine, metric.name, metric.type in NUMBERS)
        else:
            self.left_out[place] = LEFT_OUT.get(metric.type, "an array or of no known type")
