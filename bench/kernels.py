"""Every kernel, compiled against its NumPy twin, at the sizes a line gives them.

python -m bench kernels --json
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from bench.sparkplug_proto import Payload
from kernels import _select
from kernels.json_lines import Objects
from kernels.shdr import LEVELS, Pairs
from kernels.words import Words

Work = Callable[[ModuleType], Callable[[], object]]
"""Given a twin, set up arrays of its own and return the call to be timed."""

SIZE = 100_000
KEYS = 2000
SLOTS = 35
RNG = np.random.default_rng(11)
KEY = np.resize(np.arange(KEYS, dtype=np.int32), SIZE)
TS = np.arange(SIZE) // KEYS * 10_000
VALUE = RNG.normal(size=SIZE)
ONE_GROUP = np.zeros(KEYS, dtype=np.int32)
START = np.array([0], dtype=np.int64)


def classify(twin: ModuleType) -> Callable[[], object]:
    """Admit 100,000 readings of one machine."""
    none = np.full(SIZE, -1, dtype=np.int32)
    key_of, numeric = np.arange(KEYS, dtype=np.int32)[None], np.ones(KEYS, dtype=np.uint8)
    key, reason = np.empty(SIZE, dtype=np.int32), np.empty(SIZE, dtype=np.uint8)
    machine, silent = np.zeros(SIZE, dtype=np.int32), np.zeros(0, dtype=np.uint8)
    return lambda: twin.classify(
        machine, KEY, none, TS, VALUE, key_of, numeric, silent, 0, 2**60, key, reason
    )


def newest(twin: ModuleType) -> Callable[[], object]:
    """Find the newest time among 100,000 readings."""
    latest = np.zeros(1, dtype=np.int64)
    return lambda: twin.newest(KEY, TS, ONE_GROUP, latest)


def accumulate(twin: ModuleType) -> Callable[[], object]:
    """Add 100,000 readings of 2,000 keys to their panes."""
    cells, late = np.zeros((SLOTS * KEYS, 4)), np.zeros(SIZE, dtype=np.uint8)
    newest, ring = np.empty(KEYS, dtype=np.int64), (1_000_000, SLOTS, cells, late)

    def call() -> None:
        newest.fill(-1)
        twin.accumulate(KEY, TS, VALUE, 0, ONE_GROUP, START, START, newest, *ring)

    return call


def sweeps(twin: ModuleType) -> Callable[[], object]:
    """Add 50 sweeps over 2,000 keys to their panes."""
    newest, ring = np.empty(KEYS, dtype=np.int64), (1_000_000, SLOTS, np.zeros((SLOTS * KEYS, 4)))

    def call() -> None:
        newest.fill(-1)
        twin.accumulate(KEY[:KEYS], TS, VALUE, ONE_GROUP, START, START, newest, *ring)

    return call


def collect(twin: ModuleType) -> Callable[[], object]:
    """Copy the panes of one second of 2,000 keys."""
    cells, version = np.ones((SLOTS * KEYS, 4)), np.ones(SLOTS * KEYS, np.int32)
    found = np.empty(KEYS, np.int32), np.empty(KEYS, np.int64), np.empty(KEYS, np.int32), np.empty((KEYS, 4))
    last, end = np.array([KEYS]), np.array([1])
    return lambda: twin.collect(START, last, START, end, KEYS, SLOTS, cells, version, *found)


def totals(twin: ModuleType) -> Callable[[], object]:
    """Add up a day of 5,000 states."""
    start = np.arange(5000) * 17_000_000
    label, total = np.resize(np.arange(5, dtype=np.int32), 5000), np.zeros(6, dtype=np.int64)
    return lambda: twin.totals(start, start + 17_000_000, label, 0, 86_400_000_000, total)


def split(twin: ModuleType) -> Callable[[], object]:
    """Cut a day of 5,000 states at 24 hours."""
    start, boundary = np.arange(5000) * 17_000_000, np.arange(1, 24) * 3_600_000_000
    begins, ends, origin = np.empty(5100, np.int64), np.empty(5100, np.int64), np.empty(5100, np.int32)
    return lambda: twin.split(start, start + 17_000_000, boundary, begins, ends, origin)


def score(twin: ModuleType) -> Callable[[], object]:
    """Score 1,000 seconds of a machine with 8 tags."""
    first, group = np.arange(1001) * 8, np.zeros(1000, dtype=np.int32)
    slot, value = np.resize(np.arange(8, dtype=np.int32), 8000), RNG.normal(size=8000)
    reference, smooth, limit = np.zeros((8, 3)), np.ones(1), np.array([1.5])
    tuning = np.array([600.0, 60.0, 3.0, 5.0, 0.1])
    result, top, share = np.empty(1000), np.empty(1000, np.int64), np.empty(1000)
    return lambda: twin.score(first, group, slot, value, reference, smooth, limit, tuning, result, top, share)


def put_integers(twin: ModuleType) -> Callable[[], object]:
    """Encode 100,000 times for COPY."""
    out, cursors = np.empty(12 * SIZE, dtype=np.uint8), np.arange(SIZE) * 12
    return lambda: twin.put_integers(TS, 8, 0, out, cursors.copy())


def put_floats(twin: ModuleType) -> Callable[[], object]:
    """Encode 100,000 numbers for COPY."""
    out, cursors = np.empty(12 * SIZE, dtype=np.uint8), np.arange(SIZE) * 12
    return lambda: twin.put_floats(VALUE, out, cursors.copy())


def blob(twin: ModuleType) -> Callable[[], object]:
    """Make a network's input of a picture of 320 pixels."""
    image, out = _picture(320), np.empty((3, 320, 320), dtype=np.float32)
    return lambda: twin.blob(image, 0, 0, 114, out)


def square(twin: ModuleType) -> Callable[[], object]:
    """Make a network's input of a picture of 320 pixels, which stay whole."""
    image, out = _picture(320), np.empty((320, 320, 3), dtype=np.float32)
    return lambda: twin.square(image, 0, 0, 114, out)


def grey(twin: ModuleType) -> Callable[[], object]:
    """Weigh the colours of a picture of 416 pixels."""
    image, out = _picture(416), np.empty((416, 416), dtype=np.uint8)
    return lambda: twin.grey(image, out)


def statistics(twin: ModuleType) -> Callable[[], object]:
    """Measure a grey picture of 320 pixels."""
    image, out = np.ascontiguousarray(_picture(320)[:, :, 0]), np.empty(8, dtype=np.int64)
    return lambda: twin.statistics(image, 8, 247, 1, out)


def decode_cells(twin: ModuleType) -> Callable[[], object]:
    """Decode a map of 1,600 cells and 6 classes, of which thirty count."""
    sides, logits = RNG.random((40, 40, 64), dtype=np.float32), RNG.random((40, 40, 6), dtype=np.float32)
    rows, least = np.empty((1600, 10), dtype=np.float32), float(np.sort(logits.max(axis=2).ravel())[-31])
    return lambda: twin.decode(sides, logits, 8.0, least, rows, 0)


def select(twin: ModuleType) -> Callable[[], object]:
    """Decode a head of 2,100 boxes and 6 classes, of which a hundred count."""
    output = RNG.random((10, 2100), dtype=np.float32)
    boxes, labels = np.empty((2100, 4), dtype=np.float32), np.empty(2100, dtype=np.int32)
    scores = np.empty(2100, dtype=np.float32)
    return lambda: twin.select(output, 0.99, 0.7, boxes, labels, scores)


def decode(twin: ModuleType) -> Callable[[], object]:
    """Read a Sparkplug payload of 100 metrics with aliases."""
    payload = np.frombuffer(sparkplug_payload(100), dtype=np.uint8)
    known = np.array([range(100), range(100), [10] * 100], dtype=np.int64)
    heads, rows = np.empty((1, 5), dtype=np.int64), np.empty((12, 100), dtype=np.int64)
    bounds = np.array([0, len(payload)])
    return lambda: twin.decode(payload, bounds, known, heads, rows, 0)


def sparkplug_payload(metrics: int) -> bytes:
    """Return a payload as an edge node writes it: aliases, times in milliseconds, doubles."""
    payload = Payload(timestamp=1_700_000_000_000, seq=1)
    for alias, value in enumerate(VALUE[:metrics].tolist()):
        payload.metrics.add(alias=alias, timestamp=1_700_000_000_000 + alias, datatype=10, double_value=value)
    return bytes(payload.SerializeToString())


def _picture(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return RNG.integers(0, 256, (size, size, 3), dtype=np.uint8)


def pairs(twin: ModuleType) -> Callable[[], object]:
    """Read 2,000 SHDR lines of ten tags."""
    lines = b"\n".join(b"2016-05-11T10:18:%02dZ|tag-%d|%d.5" % (n % 60, n % 10, n) for n in range(2000))
    levels = np.stack([np.cumsum([0, *map(len, LEVELS[:-1])]), [len(level) for level in LEVELS]], axis=1)
    raw, out = np.frombuffer(b"".join(LEVELS) + lines, np.uint8), Pairs.room_for(2000)
    none, words = np.zeros(0, np.uint8), [Words.room_for(0), Words.room_for(64), Words.room_for(64)]
    columns = [getattr(out, name) for name in out.__slots__]
    takes, first = np.zeros(64, np.uint8), len(raw) - len(lines)
    counts = [first, 0, 0, 0, 0]
    return lambda: twin.pairs(raw, levels, none, *_tables(words), takes, np.array(counts), *columns)


def objects(twin: ModuleType) -> Callable[[], object]:
    """Read 2,000 JSON lines of ten tags."""
    form = b'{"machine":"m","tag":"tag-%d","ts":%d,"value":%d.5}'
    raw = np.frombuffer(b"\n".join(form % (n % 10, n, n) for n in range(2000)), np.uint8)
    out, words = Objects.room_for(2000), [Words.room_for(64) for _ in range(3)]
    columns = [getattr(out, name) for name in out.__slots__]
    return lambda: twin.objects(raw, *_tables(words), np.zeros(5, np.int64), *columns)


def _tables(words: list[Words]) -> list[np.ndarray[Any, np.dtype[Any]]]:
    """Return the arrays of tables that hold no words yet."""
    for table in words:
        table.slots.fill(-1)
    return [array for table in words for array in (table.slots, table.spans)]


WORK: dict[str, tuple[Work, ...]] = {
    "admit": (classify, newest),
    "sweeps": (sweeps,),
    "windows": (accumulate, collect),
    "intervals": (totals, split),
    "json_lines": (objects,),
    "shdr": (pairs,),
    "detect": (score,),
    "pgcopy": (put_integers, put_floats),
    "pixels": (blob, square, grey, statistics),
    "boxes": (decode_cells, select),
    "sparkplug": (decode,),
}


def seconds(call: Callable[[], object], repeat: int = 5) -> float:
    """Return how long a call takes at its best; short ones are called again until 10 ms have passed."""
    best = float("inf")
    for _ in range(repeat):
        times, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < 0.01 or not times:
            call()
            times += 1
        best = min(best, spent / max(times, 1))
    return best


def run() -> dict[str, Any]:
    """Return microseconds of both twins and how many times faster the compiled one is."""
    figures: dict[str, Any] = {}
    for name in _select.NAMES:
        for work in WORK.get(name, ()):
            compiled, pure = (seconds(work(_select.load(name, twin))) for twin in ("c", "python"))
            label = f"{name}.{work.__name__}"
            figures[f"{label}_us"] = round(compiled * 1e6, 1)
            figures[f"{label}_vs_numpy"] = round(pure / compiled, 1)
    return figures
