"""Columns that travel through the streams: readings, rejects, part counts and rows for the database.

Every record is a frozen set of parallel numpy columns. Times are int64 microseconds since 1970 UTC.
Text columns are dictionary-coded. Absent numbers are `NULL` (integers) or NaN (floats): an accepted
reading is never NaN, so the two cannot be confused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.arrow import cast, dictionary, filled, integers, masked, strings, without_null

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

NULL: int = int(np.iinfo(np.int64).min)
"""An integer or a time that is not there."""

GOOD = 0
"""Quality of a reading that its source vouches for."""
SNAPSHOT = 1
"""Quality of a reading that tells a state found at connection: ``ts`` is the time of connection."""
UNCERTAIN = 2
"""Quality of a reading whose source doubts it."""
UNTIMED = 3
"""Quality of a good reading of a device without a clock: ``ts`` is the time of its receipt."""


def constant(value: int, size: int, dtype: type[np.generic]) -> Any:
    """Return a column (size,) of one value; it takes no memory and cannot be written to."""
    return np.ndarray(size, dtype, np.array(value, dtype).tobytes(), strides=(0,))


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A dictionary-coded text column: ``values[codes[i]]``, null where ``codes[i]`` is -1."""

    values: tuple[str, ...]
    codes: Int32

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Text:
        return Text(self.values, self.codes[rows])

    @classmethod
    def of(cls, items: Sequence[str | None]) -> Self:
        """Code a sequence of strings, None meaning null, in order of first appearance."""
        index: dict[str, int] = {}
        codes = [-1 if item is None else index.setdefault(item, len(index)) for item in items]
        return cls(tuple(index), np.array(codes, dtype=np.int32))

    @classmethod
    def constant(cls, value: str | None, length: int) -> Self:
        """Repeat one value, or null, ``length`` times."""
        values, code = ((), -1) if value is None else ((value,), 0)
        return cls(values, constant(code, length, np.int32))

    @classmethod
    def joined(cls, parts: Sequence[Text]) -> Self:
        """Put columns one behind the other; a word of several dictionaries is in the new one once."""
        index: dict[str, int] = {}
        codes = []
        for part in parts:
            new = [index.setdefault(word, len(index)) for word in part.values]
            same = new == list(range(len(new)))
            codes.append(part.codes if same else np.array([*new, -1], dtype=np.int32)[part.codes])
        return cls(tuple(index), np.concatenate(codes) if codes else np.empty(0, dtype=np.int32))

    @classmethod
    def from_arrow(cls, array: pa.Array) -> Self:
        """Take over an Arrow string or dictionary array without touching its strings one by one."""
        coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        if coded.dictionary.null_count:
            coded = without_null(coded)
        if coded.null_count == len(coded):
            return cls.constant(None, len(coded))
        words, codes = cast(coded.dictionary, pa.string()), cast(coded.indices, pa.int32())
        return cls(strings(words), filled(codes, -1))

    def to_arrow(self) -> pa.DictionaryArray:
        """Return the column as an Arrow dictionary array."""
        return pa.DictionaryArray.from_arrays(masked(self.codes, self.codes < 0), dictionary(self.values))

    def to_list(self) -> list[str | None]:
        """Return plain Python strings, None for null."""
        return [None if code < 0 else self.values[code] for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Base of the records below: parallel columns of one length."""

    __match_args__: ClassVar[tuple[str, ...]]
    """The columns' names, as a dataclass has them."""

    def __post_init__(self) -> None:
        if len({len(getattr(self, name)) for name in self.__match_args__}) > 1:
            lengths = {name: len(getattr(self, name)) for name in self.__match_args__}
            raise ValueError(f"the columns of {type(self).__name__} differ in length: {lengths}")

    def __len__(self) -> int:
        return len(getattr(self, self.__match_args__[0]))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put records one behind the other."""
        columns = ([getattr(part, name) for part in parts] for name in cls.__match_args__)
        return cls(
            *(Text.joined(some) if isinstance(some[0], Text) else np.concatenate(some) for some in columns)
        )

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(*(getattr(self, name)[rows] for name in self.__match_args__))


@dataclass(frozen=True, slots=True, eq=False)
class Readings(Columns):
    """Readings of machines: of ``value`` and ``text`` exactly one is there."""

    machine: Text
    tag: Text
    ts: Int64
    value: Float64
    text: Text
    quality: Int16
    source_ts: Int64

    @classmethod
    def empty(cls) -> Self:
        """Return no readings."""
        return cls.numbers([], [], [], [])

    @classmethod
    def numbers(cls, machine: Sequence[str], tag: Sequence[str], ts: Any, value: Any) -> Self:
        """Build plain numeric readings."""
        size = len(ts)
        return cls(
            machine=Text.of(machine),
            tag=Text.of(tag),
            ts=np.asarray(ts, dtype=np.int64),
            value=np.asarray(value, dtype=np.float64),
            text=Text.constant(None, size),
            quality=constant(GOOD, size, np.int16),
            source_ts=constant(NULL, size, np.int64),
        )

    @classmethod
    def texts(cls, machine: Sequence[str], tag: Sequence[str], ts: Any, text: Sequence[str]) -> Self:
        """Build plain text readings."""
        size = len(ts)
        return cls(
            machine=Text.of(machine),
            tag=Text.of(tag),
            ts=np.asarray(ts, dtype=np.int64),
            value=np.full(size, np.nan),
            text=Text.of(text),
            quality=constant(GOOD, size, np.int16),
            source_ts=constant(NULL, size, np.int64),
        )

    def to_arrow(self) -> pa.RecordBatch:
        """Return the Arrow batch that is sent and logged: the columns of `ARROW_SCHEMA` that say anything."""
        arrays = {
            "machine": self.machine.to_arrow(),
            "tag": self.tag.to_arrow(),
            "ts": pa.array(self.ts),
            "value": masked(self.value, self.text.codes >= 0),
        }
        if self.text.values:
            arrays["text"] = self.text.to_arrow()
        if self.quality.any():
            arrays["quality"] = pa.array(self.quality)
        if (self.source_ts != NULL).any():
            arrays["source_ts"] = masked(self.source_ts, self.source_ts == NULL)
        return pa.RecordBatch.from_arrays(list(arrays.values()), schema=_schema(tuple(arrays)))

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch) -> Self:
        """Take over an Arrow batch; columns that may be left out: text, quality, source_ts.

        Raises
        ------
        ValueError
            A needed column is missing or of a type that cannot become the column's.
        """
        try:
            return cls._from_arrow(batch)
        except (KeyError, pa.ArrowException) as exc:
            raise ValueError(f"the batch does not have the columns of a reading: {exc}") from exc

    @classmethod
    def _from_arrow(cls, batch: pa.RecordBatch) -> Self:
        size = batch.num_rows
        names = set(batch.schema.names)
        return cls(
            machine=Text.from_arrow(batch.column("machine")),
            tag=Text.from_arrow(batch.column("tag")),
            ts=integers(batch.column("ts"), NULL),
            value=filled(cast(batch.column("value"), pa.float64()), np.nan),
            text=Text.from_arrow(batch.column("text")) if "text" in names else Text.constant(None, size),
            quality=filled(cast(batch.column("quality"), pa.int16()), GOOD)
            if "quality" in names
            else constant(GOOD, size, np.int16),
            source_ts=integers(batch.column("source_ts"), NULL)
            if "source_ts" in names
            else constant(NULL, size, np.int64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rejects(Columns):
    """What could not be accepted, why, and the bytes as text (at most `RAW_LIMIT` characters each)."""

    machine: Text
    tag: Text
    ts: Int64
    reason: Text
    raw: Text

    @classmethod
    def of(cls, reason: str, raw: Sequence[str], machine: str | None = None) -> Self:
        """Reject raw texts for one reason."""
        size = len(raw)
        return cls(
            machine=Text.constant(machine, size),
            tag=Text.constant(None, size),
            ts=constant(NULL, size, np.int64),
            reason=Text.constant(reason, size),
            raw=Text.of([item[:RAW_LIMIT] for item in raw]),
        )

    def to_arrow(self) -> pa.RecordBatch:
        """Return the Arrow batch that is logged."""
        columns = {
            "machine": self.machine.to_arrow(),
            "tag": self.tag.to_arrow(),
            "ts": pa.array(self.ts, mask=self.ts == NULL),
            "reason": self.reason.to_arrow(),
            "raw": self.raw.to_arrow(),
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch) -> Self:
        """Take over a logged batch."""
        return cls(
            machine=Text.from_arrow(batch.column("machine")),
            tag=Text.from_arrow(batch.column("tag")),
            ts=integers(batch.column("ts"), NULL),
            reason=Text.from_arrow(batch.column("reason")),
            raw=Text.from_arrow(batch.column("raw")),
        )


@dataclass(frozen=True, slots=True, eq=False)
class PartCounts(Columns):
    """Parts that a machine made and a station judged: 1 in exactly one of good, reject, review per part."""

    machine: Text
    ts: Int64
    good: Int64
    reject: Int64
    review: Int64

    @classmethod
    def empty(cls) -> Self:
        """Return no parts."""
        none = np.empty(0, dtype=np.int64)
        return cls(Text.constant(None, 0), none, none, none, none)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one database table; columns are named like the table's (the writer adds ``tenant_id``)."""

    table: str
    columns: Mapping[str, Text | Int16 | Int32 | Int64 | Float64]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def weight(self) -> int:
        """Return as how many rows they count while they wait to be committed."""
        return len(self)


RAW_LIMIT = 4096

ARROW_SCHEMA = pa.schema(
    [
        ("machine", pa.dictionary(pa.int32(), pa.string())),
        ("tag", pa.dictionary(pa.int32(), pa.string())),
        ("ts", pa.int64()),
        ("value", pa.float64()),
        ("text", pa.dictionary(pa.int32(), pa.string())),
        ("quality", pa.int16()),
        ("source_ts", pa.int64()),
    ]
)
"""A reading in Arrow; ``received`` is the appender's stamp of the whole batch."""


@lru_cache
def _schema(names: tuple[str, ...]) -> pa.Schema:
    """Return the schema of some of a reading's columns."""
    return pa.schema([ARROW_SCHEMA.field(name) for name in names])


def encode(batch: pa.RecordBatch) -> bytes:
    """Write one Arrow batch as a self-contained IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def decode(payload: bytes) -> pa.RecordBatch:
    """Read the one Arrow batch of an IPC stream.

    Nothing in it is believed: an index that points beyond its dictionary would be read as it stands.

    Raises
    ------
    ValueError
        The bytes are no Arrow stream, or one whose parts do not fit together.
    """
    try:
        with pa.ipc.open_stream(payload) as reader:
            batch = reader.read_next_batch()
        batch.validate()
        for column in batch.columns:
            _validate(column)
        return batch
    except (
        pa.ArrowException,
        StopIteration,
        OSError,
        KeyError,
    ) as exc:  # KeyError: a type it has no class for
        raise ValueError(f"the bytes are not one Arrow batch: {exc}") from exc


def _validate(column: pa.Array) -> None:
    """Look at every value, as Arrow's full validation does, but at indices many at a time."""
    coded = pa.types.is_dictionary(column.type)
    (column.dictionary if coded else column).validate(full=True)
    if coded and column.null_count < len(column):
        codes = filled(column.indices, 0)
        if codes.view(f"u{codes.itemsize}").max() >= len(column.dictionary):  # a negative one is huge
            raise pa.ArrowInvalid("an index points beyond its dictionary")
