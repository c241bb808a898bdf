"""Values of an OPC UA server as readings, or the reason why one is none. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from asyncua import ua

from streams.clock import MINUTE
from streams.connectors.batch import Batch
from streams.connectors.points import Binding
from streams.connectors.stamps import EPOCH, MICROSECOND, iso
from streams.records import GOOD, RAW_LIMIT, SNAPSHOT, UNCERTAIN, UNTIMED

OPENING_AGE = MINUTE
"""A time so much older than the connection tells a value found there, not an event."""
OVERFLOW = 0x0480
"""Info bits of a status: it is a data value's, and the server's queue overflowed before it."""
NO_YEAR = 1601
"""The year of the protocol's time zero, which means that there is none."""


class NoReading(Exception):
    """The value can be no reading; the message is the reason in one word."""


class Told(NamedTuple):
    """A value that a server sent, under the address that it is bound by."""

    address: str
    data: ua.DataValue


@dataclass(slots=True)
class Decoder:
    """Turn what one connection brings into readings.

    The first value of an address may be as old as its last change: such a value is a reading of quality
    SNAPSHOT at the time of connection, its own time kept in ``source_ts``.
    """

    binding: Binding
    opened: int
    """Time of connection, microseconds."""
    _seen: set[str] = field(default_factory=set)

    def add(self, batch: Batch, told: Told, now: int) -> None:
        """Add a value, or the reason why it is no reading; ``now`` is the time of its receipt."""
        point = self.binding.points[told.address]
        ts, timed = _time(told.data, now)
        try:
            value, quality = _value(told.data), _quality(told.data, timed)
        except NoReading as exc:
            batch.reject(str(exc), raw(told.data), point.machine, point.tag, ts)
            return
        found = told.address not in self._seen and ts < self.opened - OPENING_AGE
        self._seen.add(told.address)
        if found:
            self.binding.add(batch, told.address, value, self.opened, SNAPSHOT, ts)
        else:
            self.binding.add(batch, told.address, value, ts, quality)


def overflowed(data: ua.DataValue) -> bool:
    """Return whether the server says that it lost values before this one."""
    return data.StatusCode is not None and data.StatusCode.value & OVERFLOW == OVERFLOW


def raw(data: ua.DataValue) -> str:
    """Return what is kept of a value that is no reading: its status and as much of it as fits."""
    said = data.Value.Value if data.Value is not None else None
    words = f"{len(said)} items" if isinstance(said, list) else _clean(f"{said!r:.{RAW_LIMIT}}")
    return f"{status(data)}: {words}"


def status(data: ua.DataValue) -> str:
    """Return the name of a value's status."""
    return "Good" if data.StatusCode is None else str(data.StatusCode.name)


def _time(data: ua.DataValue, now: int) -> tuple[int, bool]:
    """Return a value's time by its source, else by its server; its receipt and False where neither tells."""
    stamp = data.SourceTimestamp or data.ServerTimestamp
    if stamp is None or stamp.year <= NO_YEAR:
        return now, False
    return _micros(stamp), True


def _micros(time: datetime) -> int:
    return (time.replace(tzinfo=time.tzinfo or UTC) - EPOCH) // MICROSECOND


def _quality(data: ua.DataValue, timed: bool) -> int:
    if data.StatusCode is not None and data.StatusCode.is_uncertain():
        return UNCERTAIN
    return GOOD if timed else UNTIMED


def _value(data: ua.DataValue) -> float | str:
    if data.StatusCode is not None and data.StatusCode.is_bad():
        raise NoReading("bad_quality")
    variant = data.Value
    if variant is None or (variant.Value is None and not variant.is_array):
        raise NoReading("empty_value")
    if variant.is_array:
        raise NoReading("array_value")
    return _scalar(variant.Value)


def _scalar(value: object) -> float | str:
    match value:
        case bool() | int() | float():
            return float(value)
        case str():
            return _text(value)
        case ua.LocalizedText():
            return _text(value.Text or "")
        case datetime():
            return iso(_micros(value))
        case UUID():
            return str(value)
    raise NoReading("unsupported_type")


def _text(text: str) -> str:
    if len(text) > RAW_LIMIT:
        raise NoReading("oversized_value")
    return _clean(text)


def _clean(text: str) -> str:
    """Return a text without the halves of letters that bytes of another encoding leave behind."""
    return text.encode("utf-8", "replace").decode()
