"""For tests of operators: catalogs and log entries made by hand, rows read back as tuples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import orjson

from streams.abc import Output
from streams.catalog import Catalog, Machine, Tag
from streams.clock import SECOND
from streams.log.abc import Entry, Kind
from streams.operators.batch import Admitted, Keys, Step
from streams.operators.panes import Panes
from streams.operators.windows import NO_PANES, Windowed
from streams.records import NULL, PartCounts, Readings, Rows, Text, encode

NOON = 1_700_049_600 * SECOND
"""2023-11-15 12:00 UTC, a Wednesday."""


def machine(name: str = "m", numbers: Sequence[str] = ("a",), **settings: Any) -> Machine:
    """Return a machine with numeric tags and the three that tell its state."""
    texts = [Tag(item, numeric=False) for item in ("execution", "program", "avail")]
    return Machine(name, (*(Tag(item, detect=True) for item in numbers), *texts), **settings)


def keys(*machines: Machine) -> Keys:
    """Return the keys of some machines, of one default machine if none is given."""
    return Keys.of(Catalog(machines or (machine(),)))


def numbers(readings: Iterable[tuple[str, str, int, float]]) -> Readings:
    """Return numeric readings given as (machine, tag, time, value)."""
    name, tag, ts, value = zip(*readings, strict=True)
    return Readings.numbers(name, tag, ts, value)


def words(readings: Iterable[tuple[str, str, int, str]]) -> Readings:
    """Return text readings given as (machine, tag, time, text)."""
    name, tag, ts, text = zip(*readings, strict=True)
    return Readings.texts(name, tag, ts, text)


def step(
    where: Keys, readings: Readings | None, *marks: int, received: int = NOON, position: int = 1
) -> Step:
    """Return a step with readings of known tags and the machines' watermarks."""
    admitted = Admitted.empty()
    if readings is not None:
        index = {name: key for key, name in enumerate(where.names)}
        pairs = zip(readings.machine.to_list(), readings.tag.to_list(), strict=True)
        key = np.array([index[str(name), str(tag)] for name, tag in pairs], dtype=np.int32)
        admitted = Admitted.of(key, readings)
    newest = where.newest(admitted)
    known = np.array(marks, dtype=np.int64)
    return Step(position, received, "gateway", admitted, newest, known, known)


def windowed(
    where: Keys,
    closed: Panes,
    settled: Panes = NO_PANES,
    again: Panes = NO_PANES,
    revised: Iterable[int] = (),
) -> Windowed:
    """Return what became of the narrowest panes, without rows; ``revised`` are machines by number."""
    which = np.zeros(len(where.machines), dtype=bool)
    which[list(revised)] = True
    return Windowed((), closed, settled, again, which)


def judged(*parts: tuple[str, int, str]) -> PartCounts:
    """Return parts given as (machine, time, ``good``, ``reject`` or ``review``)."""
    outcome = {
        name: np.array([item == name for *_, item in parts], dtype=np.int64)
        for name in ("good", "reject", "review")
    }
    ts = np.array([time for _, time, _ in parts], dtype=np.int64)
    return PartCounts(machine=Text.of([name for name, *_ in parts]), ts=ts, **outcome)


def entry(position: int, readings: Readings, received: int) -> Entry:
    """Return a log entry of readings."""
    return Entry(position, Kind.READINGS, received, "gateway", encode(readings.to_arrow()))


def tick(position: int, received: int) -> Entry:
    """Return a log entry that only tells the time."""
    return Entry(position, Kind.TICK, received, "", b"")


def table(rows: Iterable[Rows], name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return some columns of a table's rows; absent numbers and times are None."""
    found = [item for item in rows if item.table == name]
    return [line for item in found for line in zip(*(plain(item, name) for name in columns), strict=True)]


def plain(rows: Rows, column: str) -> list[Any]:
    """Return one column as Python values."""
    values = rows.columns[column]
    if isinstance(values, Text):
        return values.to_list()
    return [None if item == NULL or item != item else item for item in values.tolist()]  # noqa: PLR0124


def events_of(rows: Iterable[Rows]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the events in rows of ``outbox`` as (key, kind, payload), in the order in which they leave."""
    found = table(rows, "outbox", "position", "key", "kind", "payload")
    return [(key, kind, orjson.loads(payload)) for _, key, kind, payload in sorted(found)]


def believed(events: Iterable[tuple[str, str, dict[str, Any]]]) -> dict[tuple[str, str], Any]:
    """Return the alarms that one who hears of all events believes in: machine and beginning -> ending.

    Raises
    ------
    ValueError
        A key comes twice, or an event does not fit what was told before.
    """
    alarms: dict[tuple[str, str], Any] = {}
    keys: set[str] = set()
    for key, kind, says in events:
        if not kind.startswith("alarm_"):
            continue
        alarm = says["machine"], says.get("began", says["at"])
        if key in keys or (kind == "alarm_began") == (alarm in alarms):
            raise ValueError(f"{key} cannot come now.")
        keys.add(key)
        if kind == "alarm_withdrawn":
            del alarms[alarm]
        else:
            alarms[alarm] = (says["at"], says["scores"], says["peak"]) if kind == "alarm_ended" else None
    return alarms


def everything(outputs: Iterable[Output]) -> list[Any]:
    """Return all rows of outputs in a form that compares equal when they do, bit for bit."""
    return [
        (output.position, output.received, output.urgent, rows.table, name, _bits(values))
        for output in outputs
        for rows in output.rows
        for name, values in rows.columns.items()
    ]


def _bits(values: Any) -> Any:
    return values.to_list() if isinstance(values, Text) else (str(values.dtype), values.tobytes())
