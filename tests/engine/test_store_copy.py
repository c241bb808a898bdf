import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store import RowsRefused, connect
from engine.store.copy import HEADER, PIECE, TRAILER, fields, pieces
from engine.store.tables import Column, Table, read_tables
from streams.records import NULL, Rows, Text

TABLE = Table(
    "t",
    (
        Column("tenant_id", "int4", False),
        Column("name", "text", True),
        Column("ts", "timestamptz", True),
        Column("value", "float8", True),
        Column("count", "int8", True),
        Column("small", "int2", True),
        Column("doc", "jsonb", True),
    ),
)
DDL = """
CREATE TEMPORARY TABLE t (
    tenant_id int4, name text, ts timestamptz, value float8, count int8, small int2, doc jsonb
)
"""

row = st.tuples(
    st.one_of(
        st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
    ),
    st.one_of(st.just(NULL), st.integers(-(2**45), 2**50)),
    st.floats(allow_nan=True),
    st.one_of(st.just(NULL), st.integers(-(2**63) + 1, 2**63 - 1)),
    st.one_of(st.just(NULL), st.integers(-(2**15), 2**15 - 1)),
    st.sampled_from([None, "{}", '{"a": [1, null]}']),
)


def build(items):
    name, ts, value, count, small, doc = zip(*items, strict=True) if items else [[]] * 6
    return Rows(
        "t",
        {
            "name": Text.of(name),
            "ts": np.array(ts, np.int64),
            "value": np.array(value, np.float64),
            "count": np.array(count, np.int64),
            "small": np.array(small, np.int64),
            "doc": Text.of(doc),
        },
    )


def encoded(rows, tenant=3):
    body = b"".join(piece.tobytes() for piece in pieces(fields(TABLE, rows, tenant), len(rows)))
    return HEADER + body + TRAILER


@pytest.fixture(scope="module")
def session(plain_server):
    dsn = plain_server.create()
    with connect(dsn) as connection:
        connection.execute(DDL)
        connection.commit()
        yield connection
    plain_server.drop(dsn)


@given(st.lists(row, max_size=20))
def test_postgresql_reads_back_what_was_encoded(session, items):
    with session.cursor() as cursor:
        with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(encoded(build(items)))
        cursor.execute(
            "SELECT tenant_id, name, (extract(epoch FROM ts) * 1000000)::int8,"
            " value, count, small, doc::text FROM t"
        )
        found = cursor.fetchall()
    session.rollback()
    assert told(found) == told(map(expected, items))


def told(rows):
    """Make rows comparable: PostgreSQL gives them in any order, and an absent number sorts with none."""
    return sorted(tuple(map(repr, row)) for row in rows)


def expected(item):
    name, ts, value, count, small, doc = item
    numbers = [None if number == NULL else number for number in (ts, count, small)]
    return 3, name, numbers[0], None if np.isnan(value) else value, *numbers[1:], doc


def test_many_pieces_are_one_stream():
    items = [(f"n{i % 7}", i, i / 3, i, i % 100, None) for i in range(PIECE + 10)]
    whole = encoded(build(items))
    halves = [encoded(build(part))[len(HEADER) : -len(TRAILER)] for part in (items[:5], items[5:])]
    assert whole == HEADER + b"".join(halves) + TRAILER


def test_the_catalogue_tells_every_column(plain_dsn):
    with connect(plain_dsn) as connection:
        tables = read_tables(connection)
    assert tables["states"].columns[3:6] == (
        Column("version", "int4", False),
        Column("end_ts", "timestamptz", True),
        Column("state", "text", False),
    )
    assert "readings_20200101" not in tables


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"small": np.array([40_000])}, "column small of table t holds numbers beyond int2"),
        ({"ts": np.array([-(2**62)])}, "beyond timestamptz"),
        ({"count": np.array([1.5])}, "takes integers"),
        ({"value": Text.of(["1"])}, "takes numbers"),
        ({"name": np.array([1])}, "takes text"),
        ({"name": Text(("a",), np.array([1], np.int32))}, "codes beyond its dictionary"),
        ({"name": Text.of(["a"]), "count": np.array([1, 2])}, "has 2 values for 1 rows"),
        ({"nome": Text.of(["a"])}, "has no column nome"),
    ],
)
def test_what_does_not_fit_is_named(columns, complaint):
    with pytest.raises(RowsRefused, match=complaint):
        fields(TABLE, Rows("t", columns), 1)


def test_small_integers_of_any_kind_are_taken():
    rows = Rows("t", {"small": np.array([1, -1], np.int16), "count": np.array([1, 2], np.uint8)})
    assert encoded(rows) == encoded(
        Rows("t", {name: item.astype(np.int64) for name, item in rows.columns.items()})
    )
