"""Observations of an MTConnect agent turned into readings of the tags that they are bound to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from streams.connectors.batch import Batch, Decoded, number
from streams.connectors.mtconnect_xml import Document, Observation
from streams.connectors.points import Binding, Point
from streams.connectors.shdr_lines import OPENING_AGE, UNAVAILABLE
from streams.connectors.stamps import stamp
from streams.connectors.zones import Zone, zoned
from streams.records import GOOD, NULL, SNAPSHOT


class Items:
    """What is wanted of an agent.

    Parameters
    ----------
    points
        Addresses are ``device/item``: the device's name or uuid, the item's name or id.
    texts
        Those of them whose tags take words.
    zone
        Of times that name none; None: UTC.
    """

    def __init__(self, points: Iterable[Point], texts: Collection[str], zone: Zone = None) -> None:
        self._zone = zone
        self.binding = Binding(points)
        self._texts = frozenset(texts)
        self._wanted = {tuple(address.partition("/")[::2]): address for address in self.binding.points}

    def decode(self, document: Document) -> Decoded:
        """Return the events of a document."""
        return self._decode(document.observations, None, NULL)

    def snapshot(self, document: Document, opened: int, before: int, lost: int) -> Decoded:
        """Return the state that a document tells.

        Parameters
        ----------
        opened
            When it was asked for: what is older by a minute, or than ``lost``, is a state found then.
        before
            A sequence number: what is no older comes as an event yet, and is left out. 0: nothing does.
        """
        told = [one for one in document.observations if not before or one.sequence < before]
        return self._decode(told, opened, lost)

    def _decode(self, told: Iterable[Observation], opened: int | None, lost: int) -> Decoded:
        batch = Batch()
        for one in sorted(told, key=lambda one: one.sequence):
            for address in self._addresses(one):
                self._read(address, one, opened, lost, batch)
        return batch.build()

    def _addresses(self, one: Observation) -> list[str]:
        spelled = ((of, item) for of in (one.device, one.uuid) for item in (one.name, one.item))
        return list(dict.fromkeys(self._wanted[pair] for pair in spelled if pair in self._wanted))

    def _read(self, address: str, one: Observation, opened: int | None, lost: int, batch: Batch) -> None:
        point = self.binding.points[address]
        text = address in self._texts
        recorded = stamp(zoned(one.time, self._zone))
        reason = one.refusal or ("bad_time" if recorded is None else "")
        if recorded is not None and not one.value and not text:
            reason = reason or "empty_value"
        if reason or recorded is None:
            raw = f"{address} {one.time} {one.value}"
            batch.reject(reason, raw, point.machine, point.tag, NULL if recorded is None else recorded)
            return
        if one.value == UNAVAILABLE and not text:
            return
        value = None if text else number(one.value)
        found = opened is not None and recorded < max(opened - OPENING_AGE, lost)
        when = (opened, SNAPSHOT, recorded) if found and opened is not None else (recorded, GOOD, NULL)
        self.binding.add(batch, address, one.value if value is None else value, *when)
