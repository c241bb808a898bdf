from __future__ import annotations

import pytest

from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.reader import FileLogReader
from streams.log.writer import LogWriter


@pytest.fixture
def writer(tmp_path):
    writer = LogWriter(tmp_path, ManualClock(), segment_bytes=1_000)
    yield writer
    writer.close()


@pytest.fixture
def reader(tmp_path):
    reader = FileLogReader(tmp_path)
    yield reader
    reader.close()


def add(writer, *sizes):
    for size in sizes:
        writer.append(Kind.READINGS, bytes(size))
    writer.commit()


def positions(entries):
    return [entry.position for entry in entries]


def test_a_reader_may_be_there_first(reader, writer):
    assert reader.read(0, 1000) == ()
    add(writer, 10)
    assert positions(reader.read(0, 1000)) == [1]
    assert reader.read(1, 1000) == ()
    assert reader.end == 1


def test_reading_goes_on_over_segments(reader, writer):
    for _ in range(40):
        add(writer, 100, 100)
    found, after = [], 0
    while entries := reader.read(after, 300):
        found += positions(entries)
        after = found[-1]
    assert found == list(range(1, 81))


@pytest.mark.parametrize("after", [0, 1, 7, 8, 30, 78])
def test_reading_begins_anywhere_and_goes_back(reader, writer, after):
    for _ in range(40):
        add(writer, 100, 100)
    assert reader.read(after, 1)[0].position == after + 1
    assert reader.read(0, 1)[0].position == 1
    assert reader.read(79, 1)[0].position == 80


def test_about_as_many_bytes_as_asked_for(reader, writer):
    add(writer, *[100] * 50)
    assert len(reader.read(0, 1_000)) == 1_000 // 140
    assert len(reader.read(0, 1)) == 1


def test_an_entry_larger_than_the_limit_comes_alone(reader, writer):
    add(writer, 100_000, 10)
    assert [len(entry.payload) for entry in reader.read(0, 500)] == [100_000]
    assert positions(reader.read(1, 500)) == [2]


def test_what_is_not_yet_safe_is_not_shown(reader, writer, tmp_path):
    add(writer, 10)
    with (tmp_path / "00000000000000000001.seg").open("ab") as file:
        file.write(b"half an entry")
    assert positions(reader.read(0, 10_000)) == [1]
    assert reader.read(1, 10_000) == ()
