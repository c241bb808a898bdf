"""Event-time windows of 2,000 tags at 100 Hz: the running flow, stock bytewax, Polars' group-by.

    python -m bench sensors --json

Inputs lie in memory; all compute count, sum, minimum and maximum of 1 s windows, and must agree. The flow
does all that it does in a plant: it decodes log entries, admits readings, lands them as rows and keeps
windows of a minute and an hour too; each round has a line that was set up before. bytewax folds item by
item, in one worker, and is given fewer of them; Polars groups a finished table, on all cores, by its
columns and, quicker, by one number made of both. Rounds alternate, the best of each counts. At last the
whole line runs at its limit, from ZeroMQ to committed rows (`bench.chain`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, takewhile
from typing import Any, Literal

import bytewax.operators as op
import numpy as np
import polars as pl
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.testing import TestingSink, TestingSource, run_main

from bench import chain
from streams.abc import Output
from streams.catalog import Catalog, Machine, Tag
from streams.chain import NO_PARTS, LineChain
from streams.clock import SECOND
from streams.flow import run_flow
from streams.log.abc import Entry, Kind
from streams.records import NULL, Float64, Int64, Readings, Rows, Text, encode

TAGS = 2000
HERTZ = 100
ENTRIES_PER_SECOND = 2
SECONDS_AT_MOST = 100_000
"""Of a load, as its windows' keys are packed."""
START = 1_700_000_000 * SECOND
NAMES = tuple(f"tag{number:04d}" for number in range(TAGS))

Windows = dict[tuple[str, int], tuple[int, float, float, float]]


@dataclass(frozen=True, slots=True)
class Load:
    """Readings in the order in which they come: every tag once, then every tag again 10 ms later."""

    seconds: int
    value: Float64

    @classmethod
    def of(cls, seconds: int) -> Load:
        """Make readings for some seconds; their sums are exact, so that all sides can agree bit for bit."""
        size = seconds * HERTZ * TAGS
        return cls(seconds, np.random.default_rng(5).integers(-1000, 1000, size).astype(np.float64))

    def ts(self, low: int, high: int) -> Int64:
        """Return the event times of some rows."""
        return START + np.arange(low, high) // TAGS * (SECOND // HERTZ)

    def readings(self, low: int, high: int) -> Readings:
        """Return some rows as a batch."""
        size = high - low
        return Readings(
            machine=Text(("line",), np.zeros(size, dtype=np.int32)),
            tag=Text(NAMES, np.resize(np.arange(TAGS, dtype=np.int32), size)),
            ts=self.ts(low, high),
            value=self.value[low:high],
            text=Text.constant(None, size),
            quality=np.zeros(size, dtype=np.int16),
            source_ts=np.full(size, NULL, dtype=np.int64),
        )

    def entries(self) -> list[Entry]:
        """Return the log: entries of half a second each, then silence until all windows are closed."""
        rows = HERTZ * TAGS // ENTRIES_PER_SECOND
        entries = []
        for number in range(self.seconds * ENTRIES_PER_SECOND):
            received = START + (number + 1) * SECOND // ENTRIES_PER_SECOND
            batch = self.readings(number * rows, (number + 1) * rows)
            entries.append(Entry(number + 1, Kind.READINGS, received, "bench", encode(batch.to_arrow())))
        end = START + (self.seconds + 20) * SECOND
        return [*entries, Entry(len(entries) + 1, Kind.TICK, end, "", b"")]


@dataclass(slots=True)
class Collected:
    """A sink in memory that keeps the windows of a second and counts readings."""

    windows: list[Rows] = field(default_factory=list)
    readings: int = 0

    def write(self, outputs: Sequence[Output]) -> None:
        """Take outputs."""
        for rows in (rows for output in outputs for rows in output.rows):
            if rows.table == "windows":
                self.windows.append(rows)
            elif rows.table == "readings":
                self.readings += len(rows)


@dataclass(slots=True)
class Memory:
    """A log in memory; the flow stops at its end."""

    entries: list[Entry]
    stop: threading.Event

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return the next entries, as many as a log reads at a time; at least one."""
        if after == len(self.entries):
            self.stop.set()
        sizes = accumulate(len(entry.payload) for entry in self.entries[after:])
        fits = sum(1 for _ in takewhile(lambda size: size <= limit, sizes))
        return self.entries[after : after + max(fits, 1)]

    def close(self) -> None:
        """Nothing to release."""


def line() -> LineChain:
    """Return the chain of a line that has heard nothing yet."""
    catalog = Catalog((Machine("line", tuple(Tag(name) for name in NAMES)),))
    return LineChain(catalog, parts=lambda entry: ((), NO_PARTS))


def flow(entries: list[Entry], operators: LineChain) -> Collected:
    """Run the flow of a line over a log."""
    stop, sink = threading.Event(), Collected()
    run_flow(Memory(entries, stop), operators, sink, 0, stop)
    return sink


def told(sink: Collected) -> Windows:
    """Return the windows of a second that a flow told."""
    found = {}
    for rows in sink.windows:
        columns = [_values(rows, name) for name in ("width_us", "tag", "ts", "count", "sum", "min", "max")]
        for width, tag, ts, *content in zip(*columns, strict=True):
            if width == SECOND:
                found[tag, ts] = tuple(content)
    return found


def _values(rows: Rows, name: str) -> list[Any]:
    column = rows.columns[name]
    return column.to_list() if isinstance(column, Text) else column.tolist()


Item = tuple[str, tuple[datetime, float]]


def items(load: Load) -> list[Item]:
    """Return the readings one by one, as bytewax takes them: already keyed, times already parsed."""
    stamps = [
        datetime.fromtimestamp(START // SECOND, UTC) + timedelta(microseconds=step * (SECOND // HERTZ))
        for step in range(load.seconds * HERTZ)
    ]
    values = load.value.tolist()
    return [
        (name, (stamp, values[row * TAGS + tag]))
        for row, stamp in enumerate(stamps)
        for tag, name in enumerate(NAMES)
    ]


Fold = tuple[int, float, float, float]


def stock(readings: list[Item]) -> list[tuple[str, tuple[int, Fold]]]:
    """Fold windows with bytewax's own operators."""
    now = datetime.now(UTC)
    clock = EventClock(
        ts_getter=lambda item: item[0],
        wait_for_system_duration=timedelta(seconds=2),
        now_getter=lambda: now,
        to_system_utc=lambda _: None,
    )
    windower = TumblingWindower(length=timedelta(seconds=1), align_to=datetime(2020, 1, 1, tzinfo=UTC))
    found: list[tuple[str, tuple[int, Fold]]] = []
    graph = Dataflow("stock")
    keyed = op.input("in", graph, TestingSource(readings, batch_size=10_000))
    folded = fold_window(
        "fold", keyed, clock, windower, lambda: (0, 0.0, np.inf, -np.inf), _fold, _merge, ordered=False
    )
    op.output("out", folded.down, TestingSink(found))
    run_main(graph)
    return found


def _fold(so_far: Fold, item: tuple[datetime, float]) -> Fold:
    count, total, low, high = so_far
    value = item[1]
    return count + 1, total + value, value if value < low else low, value if value > high else high


def _merge(one: Fold, other: Fold) -> Fold:
    return one[0] + other[0], one[1] + other[1], min(one[2], other[2]), max(one[3], other[3])


def folded(found: list[tuple[str, tuple[int, Fold]]]) -> Windows:
    """Return bytewax's windows under their start times."""
    origin = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    return {(tag, origin + number * SECOND): content for tag, (number, content) in found}


def frame(load: Load) -> pl.DataFrame:
    """Return the readings as a table; tags are an enumeration, which Polars groups fastest."""
    size = len(load.value)
    tags = pl.Series("tag", np.resize(np.arange(TAGS, dtype=np.uint32), size)).cat.to(pl.Enum(NAMES))
    return pl.DataFrame({"tag": tags, "ts": load.ts(0, size), "value": load.value})


Engine = Literal["in-memory", "streaming"]


def grouped(table: pl.DataFrame, engine: Engine) -> pl.DataFrame:
    """Group a finished table by tag and second."""
    query = table.lazy().group_by("tag", (pl.col("ts") // SECOND).alias("second"))
    return query.agg(*contents()).collect(engine=engine)


def packed(table: pl.DataFrame, engine: Engine) -> pl.DataFrame:
    """Group by tag and second as one small number, and split it again: Polars' quickest way known."""
    second = (pl.col("ts") // SECOND - START // SECOND).cast(pl.UInt32)
    key = pl.col("tag").to_physical().cast(pl.UInt32) * SECONDS_AT_MOST + second
    query = table.lazy().group_by(key.alias("key")).agg(*contents())
    tag = (pl.col("key") // SECONDS_AT_MOST).cast(pl.UInt32).alias("code")
    at = ((pl.col("key") % SECONDS_AT_MOST).cast(pl.Int64) + START // SECOND).alias("second")
    found = query.select(tag, at, "count", "sum", "min", "max").collect(engine=engine)
    return found.select(pl.col("code").cat.to(pl.Enum(NAMES)).alias("tag"), pl.exclude("code"))


def contents() -> tuple[pl.Expr, ...]:
    """Return what a window holds, as Polars computes it."""
    value = pl.col("value")
    parts = {"count": pl.len(), "sum": value.sum(), "min": value.min(), "max": value.max()}
    return tuple(part.alias(name) for name, part in parts.items())


def windows_of(table: pl.DataFrame) -> Windows:
    """Return Polars' groups under their start times."""
    return {(tag, second * SECOND): tuple(content) for tag, second, *content in table.iter_rows()}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how many seconds some work took, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def rounds(sides: dict[str, Callable[[], Any]], repeat: int) -> Iterator[tuple[str, float, Any]]:
    """Run the sides in turn, several times; yield which, how long, and what came out."""
    for _ in range(repeat):
        for name, work in sides.items():
            yield name, *timed(work)


def run(
    seconds: int = 60, seconds_stock: int = 2, repeat: int = 3, seconds_chain: float = chain.SECONDS
) -> dict[str, Any]:
    """Measure the three sides and check that they agree; then the whole line.

    Raises
    ------
    AssertionError
        Two sides give different windows.
    """
    load, little = Load.of(seconds), Load.of(seconds_stock)
    entries, readings, table = load.entries(), items(little), frame(load)
    lines = [line() for _ in range(repeat)]
    sides: dict[str, Callable[[], Any]] = {
        "flow": lambda: flow(entries, lines.pop()),
        "bytewax": lambda: stock(readings),
        "polars_in_memory": lambda: grouped(table, "in-memory"),
        "polars_streaming": lambda: grouped(table, "streaming"),
        "polars_packed": lambda: packed(table, "streaming"),
    }
    best: dict[str, float] = {}
    results: dict[str, Any] = {}
    for name, took, result in rounds(sides, repeat):
        best[name], results[name] = min(took, best.get(name, took)), result
    truth = windows_of(results["polars_in_memory"])
    assert windows_of(results["polars_packed"]) == truth
    assert results["flow"].readings == len(load.value)
    assert told(results["flow"]) == truth
    assert folded(results["bytewax"]) == told(flow(little.entries(), line()))
    rate = {
        name: len(little.value if name == "bytewax" else load.value) / took for name, took in best.items()
    }
    by_columns = max(rate["polars_in_memory"], rate["polars_streaming"])
    polars = max(by_columns, rate["polars_packed"])
    return {
        "readings_per_s": round(rate["flow"]),
        "vs_bytewax": round(rate["flow"] / rate["bytewax"], 1),
        "vs_polars": round(rate["flow"] / polars, 2),
        "vs_polars_by_columns": round(rate["flow"] / by_columns, 2),
        "bytewax_per_s": round(rate["bytewax"]),
        "polars_per_s": round(polars),
        "windows": len(truth),
        "readings": len(load.value),
        **chain.run(seconds_chain),
    }
