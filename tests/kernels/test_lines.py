import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernels import _select, json_lines, shdr
from kernels.json_lines import Objects
from kernels.shdr import EMPTY, LEVELS, NUMBER, SKIPPED, TEXT, Pairs
from kernels.words import END, FULL, ODD, Words

NULL = np.iinfo(np.int64).min
KNOWN = (b"load", b"mode")
NUMERIC = np.array([1, 0], dtype=np.uint8)
PREFIX = b"".join((*LEVELS, *KNOWN))
STARTS = np.cumsum([0, *(len(word) for word in (*LEVELS, *KNOWN))])
SPANS = np.stack([STARTS[:-1], np.diff(STARTS)], axis=1)

number = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["1.", ".5", "+3", "-0", "-0.0", "1e5", "2E-7", "1e400", "007", "1_0", "9" * 70, "1e", "-"]
    ),
    st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
word = st.sampled_from(
    ["", "ACTIVE", "Normal", "nan", "INF", "Infinity", "IDLE", "UNAVAILABLE", "1 2 3", " 7", "é"]
)
moment = st.sampled_from(
    [
        "2016-05-11T10:18:29Z",
        "2016-05-11T10:18:29.123456789",
        "2016-02-30T10:18:29Z",
        "1969-12-31T23:59:59.5",
        "0001-01-01T00:00:00Z",
        "2000-02-29T24:00:00",
        "2016-05-11T10:18:29.Z",
        "2016-05-11T10:18:29Z@100.0",
        "2016-05-11 10:18:29",
        "yesterday",
    ]
)
field = st.one_of(word, number, st.sampled_from(["load", "mode", "other", "@ASSET@", "\r", "*"]))
shdr_line = st.one_of(
    st.tuples(moment, st.lists(field, max_size=7)).map(lambda parts: "|".join([parts[0], *parts[1]])),
    st.tuples(st.sampled_from(["load", "mode", "x"]), number | word).map(
        lambda pair: f"2016-05-11T10:18:29.5Z|{pair[0]}|{pair[1]}"
    ),
    st.text(alphabet="|*@\r aN1", max_size=8),
    st.lists(field, max_size=7).map(lambda parts: "|".join(["", *parts])),
)
json_line = st.one_of(
    st.fixed_dictionaries(
        {"machine": st.sampled_from(["m", "n"]), "tag": st.sampled_from(["a", "b", "é"])},
        optional={
            "ts": st.one_of(moment, st.integers(-(10**19), 10**19), st.none(), st.just(1.0)),
            "value": st.one_of(st.floats(), st.integers(-(10**25), 10**25), st.none(), st.booleans()),
            "text": st.one_of(st.text(max_size=3), st.none()),
            "quality": st.integers(-1, 1 << 16),
            "source_ts": st.one_of(moment, st.integers(0, 10**18), st.none()),
        },
    ).map(json.dumps),
    number.map(lambda value: f'{{"machine":"m","tag":"a","ts":5,"value":{value}}}'),
    number.map(lambda ts: f'{{ "ts" : {ts} , "machine":"m","tag":"a", "value":1}} '),
    st.text(alphabet='{}":,[] \\\tmachinetgsvlu0.-é', max_size=30),
)


@pytest.fixture(params=["c", "python"])
def twin(request, monkeypatch):
    for kernel in (shdr, json_lines):
        name = kernel.__name__.removeprefix("kernels.")
        monkeypatch.setattr(kernel, "_twin", _select.load(name, request.param))


def columns(record, rows):
    return [getattr(record, name)[:rows].tobytes() for name in record.__slots__]


def read_shdr(text, room=40, words=20):
    payload = PREFIX + text.encode("utf-8", "surrogatepass")
    known = Words.known(PREFIX, SPANS[len(LEVELS) :], len(KNOWN))
    keys, texts, pairs = Words.room_for(words), Words.room_for(words), Pairs.room_for(room)
    for name in pairs.__slots__:
        getattr(pairs, name)[:] = 0
    raw = np.frombuffer(payload, np.uint8)
    rows, at, why = shdr.pairs(
        raw,
        len(PREFIX),
        levels=SPANS[: len(LEVELS)],
        numeric=NUMERIC,
        known=known,
        keys=keys,
        texts=texts,
        out=pairs,
    )
    return rows, at - len(PREFIX), why, keys.read(payload), texts.read(payload), pairs


def read_json(text, room=40, words=20):
    payload = text.encode("utf-8", "surrogatepass")
    tables = [Words.room_for(words) for _ in range(3)]
    objects = Objects.room_for(room)
    for name in objects.__slots__:
        getattr(objects, name)[:] = 0
    machines, tags, texts = tables
    raw = np.frombuffer(payload, np.uint8)
    rows, at, why = json_lines.objects(raw, 0, machines=machines, tags=tags, texts=texts, out=objects)
    for name in ("machine", "tag", "ts", "value", "text", "quality", "source_ts"):
        getattr(objects, name)[objects.kind == ODD] = 0
    return rows, at, why, [table.read(payload) for table in tables], objects


def by_both(kernel, read, *args):
    found = []
    name = kernel.__name__.removeprefix("kernels.")
    for twin in ("c", "python"):
        kernel._twin = _select.load(name, twin)
        *told, record = read(*args)
        found.append((*told, columns(record, told[0])))
    kernel._twin = _select.load(name)
    return found


@given(st.lists(shdr_line, max_size=6), st.integers(1, 6), st.integers(1, 6))
@example(["2016-05-11T10:18:29Z|servo|Fault|load|1|HIGH|hot"], 6, 6)
@example(["2016-05-11T10:18:29Z|servo|Fault|E1|1|HIGH|hot"], 6, 6)
def test_both_twins_read_the_same_pairs(texts, room, words):
    compiled, pure = by_both(shdr, read_shdr, "\n".join(texts), room, words)
    assert compiled == pure


@given(st.lists(json_line, max_size=6), st.integers(1, 6), st.integers(1, 6))
def test_both_twins_read_the_same_objects(texts, room, words):
    compiled, pure = by_both(json_lines, read_json, "\n".join(texts), room, words)
    assert compiled == pure


@pytest.mark.usefixtures("twin")
def test_pairs_are_numbers_texts_and_what_is_neither():
    line = "2016-05-11T10:18:29Z|load|42.5|mode|7|load||load|UNAVAILABLE|other|AUTO|other|1e3"
    rows, _, why, keys, texts, pairs = read_shdr(line)
    assert (rows, why, keys, texts) == (6, END, ("load", "mode", "other"), ("7", "AUTO"))
    assert pairs.kind[:rows].tolist() == [NUMBER, TEXT, EMPTY, SKIPPED, TEXT, NUMBER]
    assert pairs.key[:rows].tolist() == [0, 1, 0, 0, 2, 2]
    assert pairs.value[[0, 5]].tolist() == [42.5, 1000.0]
    assert pairs.text[:rows].tolist() == [-1, 0, -1, -1, 1, -1]
    assert pairs.ts[0] == 1462961909000000


@pytest.mark.usefixtures("twin")
def test_lines_without_a_time_are_plain():
    rows, _, why, *_, pairs = read_shdr("|load|1|mode|AUTO\n2016-05-11T10:18:29Z|load|2")
    assert (rows, why, pairs.ts[:3].tolist()) == (3, END, [NULL, NULL, 1462961909000000])
    lines = '{"machine":"m","tag":"a","value":1}\n{"machine":"m","tag":"a","ts":null,"value":1}'
    rows, _, why, _, objects = read_json(lines)
    assert (rows, why, objects.kind[:2].tolist(), objects.ts[:2].tolist()) == (2, END, [END] * 2, [NULL] * 2)


@pytest.mark.usefixtures("twin")
def test_a_kernel_stops_before_an_odd_line_and_where_there_is_no_more_room():
    plain = "2016-05-11T10:18:29Z|load|1\n"
    rows, at, why, *_ = read_shdr(plain + "* PONG 1000\n" + plain)
    assert (rows, at, why) == (1, len(plain), ODD)
    assert read_shdr(plain * 3, room=2)[:3] == (2, 2 * len(plain), FULL)
    rows, at, why, keys, *_ = read_shdr(plain + plain.replace("load", "a") + plain, words=1)
    assert (rows, at, why, keys) == (1, len(plain), FULL, ("load",))


@pytest.mark.usefixtures("twin")
def test_an_odd_object_keeps_its_place():
    odd = '{"tag":"\\u00e9"}'
    last = ' {"tag":"b","text":"x","machine":"m","ts":"1970-01-01T00:00:01Z","quality":2} '
    text = "\n".join(['{"machine":"m","tag":"a","ts":5,"value":-0}', "", odd, last])
    rows, at, why, words, objects = read_json(text)
    assert (rows, at, why, words) == (3, len(text), END, [("m",), ("a", "b"), ("x",)])
    assert objects.kind[:rows].tolist() == [END, ODD, END]
    assert objects.ts[:rows].tolist() == [5, 0, 1_000_000]
    assert str(objects.value[0]) == "0.0"
    assert text[slice(*objects.line[1].tolist())] == odd


def test_what_would_read_or_write_outside_is_refused():
    some = Words.room_for(1)
    with pytest.raises(ValueError, match="cannot begin at byte 9 of 3"):
        json_lines.objects(
            np.zeros(3, np.uint8), 9,
            machines=some, tags=some, texts=some, out=Objects.room_for(1),
        )  # fmt: skip
    with pytest.raises(ValueError, match="all known keys"):
        shdr.pairs(
            np.zeros(3, np.uint8), 0, levels=SPANS[:4], numeric=NUMERIC,
            known=some, keys=some, texts=some, out=Pairs.room_for(1),
        )  # fmt: skip
    with pytest.raises(ValueError, match="two slots a word"):
        small = Words(np.full(2, -1, np.int32), np.zeros((2, 2), np.int64))
        json_lines.objects(
            np.zeros(3, np.uint8), 0, machines=small, tags=small, texts=small, out=Objects.room_for(1)
        )
