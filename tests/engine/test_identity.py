"""Who a part is: the book of serials, scanner, Data Matrix, and the station's own numbers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.approvals.testing import vouch
from engine.handshake.abc import told_of
from engine.handshake.reasons import REASONS
from engine.identity.book import Book, BookError, copied
from engine.identity.naming import Naming
from engine.identity.scanner import LONGEST, Codes, Scan, Scanner
from engine.paths import Home
from engine.plant import IdentitySection, Plant, ScannerSection
from engine.station import Station
from engine.testing import MemoryProducer, Shutter
from streams.connectors import dial
from streams.peers.plug import unplug
from streams.peers.ports import free_port
from streams.testing import until
from vision import datamatrix, pictures
from vision.records import Frame, Identity
from vision.testing import picture, write_model

WAIT = 60.0


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    opened = Book(tmp_path, "weld-1")
    yield opened
    opened.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def frame(serial: str = "cam-1-1", image: Any = None, view: str = "front") -> Frame:
    shown = pictures.encode_whole(picture(20) if image is None else image)
    return Frame("cam", view, "1", 1, 0, shown, None, serial)


def test_a_serial_is_admitted_once_and_once_more_for_each_rework_order(book: Book) -> None:
    assert [book.admit("A"), book.admit("A"), book.admit("B")] == [1, 0, 1]
    order = book.open_order("A", "Chen", "reworked")
    assert (order.serial, order.by, order.attempt) == ("A", "Chen", None)
    assert [book.admit("A"), book.admit("A")] == [2, 0]
    (used,) = book.orders("A")
    assert (used.attempt, used.reason) == (2, "reworked")
    assert used.used_us is not None
    assert used.used_us >= used.opened_us
    assert book.orders(only_open=True) == []


@pytest.mark.parametrize(
    ("serial", "by", "why"),
    [
        ("B", "Chen", "was never inspected here"),
        ("A", " ", "names who opens it and why"),
        ("A", "Chen", "is open already"),
    ],
)
def test_a_rework_order_that_makes_no_sense_is_refused(book: Book, serial: str, by: str, why: str) -> None:
    book.admit("A")
    if "already" in why:
        book.open_order("A", "Chen", "x")
    with pytest.raises(BookError, match=why):
        book.open_order(serial, by, "x")


def test_the_book_outlives_the_station_and_is_shared_with_the_command_line(tmp_path: Path) -> None:
    first, other = Book(tmp_path, "a/b"), Book(tmp_path, "a/b")
    first.admit("A")
    other.open_order("A", "Chen", "x")
    assert first.admit("A") == 2
    first.close()
    other.close()
    again = Book(tmp_path, "a/b")
    assert (again.attempts("A"), again.admit("A")) == (2, 0)
    again.close()


def test_a_copy_is_whole_while_the_book_is_open(book: Book, tmp_path: Path) -> None:
    book.admit("A")
    (tmp_path / "copy").mkdir()
    copied(book.path, tmp_path / "copy" / book.path.name)
    copy = Book(tmp_path / "copy", "weld-1")
    assert copy.admit("A") == 0
    copy.close()


def test_a_book_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "weld-1.serials").write_bytes(b"no database at all, but long enough" * 40)
    with pytest.raises(BookError, match="cannot be used: file is not a database"):
        Book(tmp_path, "weld-1")


def test_many_at_once_admit_a_serial_once(book: Book) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(book.admit("A"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0] * 7 + [1]


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from("ABC"), st.booleans()), max_size=25))
def test_attempts_never_outnumber_what_was_allowed(
    tmp_path_factory: Any, steps: list[tuple[str, bool]]
) -> None:
    book = Book(tmp_path_factory.mktemp("book"), "s")
    allowed: dict[str, int] = dict.fromkeys("ABC", 1)
    taken: dict[str, int] = dict.fromkeys("ABC", 0)
    for serial, rework in steps:
        if rework and taken[serial] == allowed[serial] > 0:
            book.open_order(serial, "x", "y")
            allowed[serial] += 1
        attempt = book.admit(serial)
        assert attempt in {0, taken[serial] + 1}
        taken[serial] += attempt > 0
        assert taken[serial] <= allowed[serial]
    book.close()


def test_a_station_numbers_its_parts_and_never_again_alike(home: Home) -> None:
    section = IdentitySection(serial="station", prefix="W1-")
    naming = Naming(section, "weld-1", home)
    assert [naming.name([frame()], "x").serial for _ in range(2)] == ["W1-000001", "W1-000002"]
    naming.close()
    again = Naming(section, "weld-1", home)
    named = again.name([frame()], "x")
    assert (named.serial, named.attempt, named.identity.serial_source) == ("W1-000003", 1, "station")
    again.close()


@pytest.mark.parametrize(
    ("said", "attempts"),
    [
        ({"serial": "plc"}, [1, 0]),
        ({"serial": "plc", "once": False}, [1, 2]),
        ({"serial": "camera"}, [1, 2]),
        ({"serial": "camera", "once": True}, [1, 0]),
    ],
)
def test_a_serial_that_the_line_tells_is_refused_when_it_comes_again(
    home: Home, said: dict[str, Any], attempts: list[int]
) -> None:
    naming = Naming(IdentitySection.model_validate(said), "weld-1", home)
    told = told_of({"serial": "A-1"})
    named = [naming.name([frame()], "A-1", told) for _ in range(2)]
    assert [item.attempt for item in named] == attempts
    assert [item.doubt is None for item in named] == [attempt > 0 for attempt in attempts]
    naming.close()


@pytest.mark.parametrize(
    ("serial", "refuses"),
    [("plc", True), ("scanner", True), ("datamatrix", True), ("camera", False), ("station", False)],
)
def test_who_tells_the_serial_says_whether_it_may_repeat(serial: str, refuses: bool) -> None:
    scanner = {"scanner": {"host": "127.0.0.1", "port": 9}} if serial == "scanner" else {}
    section = IdentitySection.model_validate({"serial": serial} | scanner)
    assert section.refuses_repeats is refuses
    assert section.model_copy(update={"once": not refuses}).refuses_repeats is not refuses


def test_a_book_that_cannot_be_written_is_a_trouble_until_it_can(home: Home, monkeypatch: Any) -> None:
    monkeypatch.setattr("engine.identity.naming.RETRY", 0.01)
    naming = Naming(IdentitySection(once=True), "weld-1", home)
    begun = naming.name([frame()], "A-1")
    full = [BookError("The book of serials x cannot be written: disk is full; make room on the disk.")]

    def fail(book: Book) -> None:
        if full:
            raise full[0]

    monkeypatch.setattr(Book, "probe", fail)
    admit = Book.admit
    monkeypatch.setattr(Book, "admit", lambda book, serial: fail(book) or admit(book, serial))
    refused = naming.name([frame()], "A-2")
    with listening(naming.mend):
        assert (begun.attempt, refused.attempt, refused.serial) == (1, 0, "A-2")
        assert str(refused.doubt).startswith("The serial could not be looked up: The book of serials x")
        assert naming.trouble == str(full[0])
        full.clear()
        until(lambda: not naming.trouble)
    assert naming.name([frame()], "A-2").attempt == 1
    naming.close()


def test_a_data_matrix_in_the_picture_is_the_serial(home: Home) -> None:
    naming = Naming(IdentitySection(serial="datamatrix", view="top"), "weld-1", home)

    def named(*codes: str) -> Any:
        image = np.full((300 * max(1, len(codes)), 300, 3), 120, np.uint8)
        for number, text in enumerate(codes):
            code = datamatrix.draw(text)
            image[300 * number + 40 : 300 * number + 40 + code.shape[0], 40 : 40 + code.shape[1]] = code
        return naming.name(naming.prepared([frame(image=image, view="top"), frame()]), "cam-1-1")

    read = named("W1-7")
    assert (read.serial, read.doubt) == ("W1-7", None)
    assert str(named().doubt) == "The part has no serial: no Data Matrix can be read in top."
    assert named().serial == "cam-1-1"
    assert str(named("A", "B").doubt) == "The pictures are not of one part: A and B."


@contextmanager
def scanner_at(port: int) -> Iterator[socket.socket]:
    """Be a scanner that one station connects to."""
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(WAIT)
        link, _ = server.accept()
        with link:
            yield link


@contextmanager
def listening(listen: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=listen, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join(WAIT)


def soon() -> float:
    return time.monotonic() + WAIT


def test_a_scanned_code_is_the_serial_of_one_part(home: Home) -> None:
    port = free_port()
    section = IdentitySection(serial="scanner", scanner=ScannerSection(host="127.0.0.1", port=port))
    naming = Naming(section, "weld-1", home)
    with listening(naming.listen), scanner_at(port) as link:
        link.sendall(b"A-1\r\n")
        assert naming.name([frame()], "x", due=soon()).serial == "A-1"
        link.sendall(b"A")
        link.sendall(b"-2\nA-2\n")
        assert naming.name([frame()], "x", due=soon()).serial == "A-2"
        assert str(naming.name([frame()], "x").doubt) == "The part has no serial: no code was scanned."
        link.sendall(b"A-3\nA-4\nEND\n")
        until(lambda: len(naming._scanner._scans) == 3 if naming._scanner else False)
        assert str(naming.name([frame()], "x", due=soon()).doubt) == (
            "The pictures are not of one part: A-3 and A-4 and END."
        )
    naming.close()


def test_a_scanner_that_goes_away_is_told_and_found_again() -> None:
    port = free_port()
    scanner = Scanner("127.0.0.1", port, 10.0)
    with listening(scanner.run):
        until(lambda: "does not answer: Connection refused" in scanner.trouble)
        with scanner_at(port):
            until(lambda: not scanner.trouble)
        until(lambda: "the connection ended" in scanner.trouble)
        with scanner_at(port) as link:
            link.sendall(b"x" * 600 + b"\n\nA-9\n")
            assert scanner.take(time.monotonic(), soon()) == ["A-9"]


def test_a_scanner_whose_cable_is_pulled_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLE", "EVERY", "ASKED"):
        monkeypatch.setattr(dial, name, 1)
    port = free_port()
    scanner = Scanner("127.0.0.1", port, 10.0)
    with listening(scanner.run), scanner_at(port) as link:
        until(lambda: not scanner.trouble)
        unplug(link)
        until(lambda: "does not answer: Connection timed out" in scanner.trouble)


@pytest.mark.parametrize("cut", [1, 100, LONGEST + 1, LONGEST + 100])
def test_the_end_of_a_line_that_is_too_long_is_no_code(cut: int) -> None:
    codes, line = Codes(), b"x" * (LONGEST + 100) + b"\r\nA-9\n"
    assert codes.feed(line[:cut]) + codes.feed(line[cut:]) == ["A-9"]


def test_an_old_code_is_of_no_part() -> None:
    port = free_port()
    scanner = Scanner("127.0.0.1", port, 1e-6)
    with listening(scanner.run), scanner_at(port) as link:
        link.sendall(b"A-1\n")
        until(lambda: scanner._scans)
        now = time.monotonic()
        assert scanner.take(now + 1.0, now) == []


def read(scanner: Scanner, text: str, at: float) -> None:
    """Let a scanner have read a code at a time."""
    scanner._scans.append(Scan(text, at))


def test_a_code_between_a_part_without_one_and_the_next_is_of_neither() -> None:
    scanner = Scanner("127.0.0.1", 9, 10.0)
    assert scanner.take(0.0, 1.0) == []
    read(scanner, "A-1", 1.5)
    assert scanner.take(2.0, 3.0) == []
    assert scanner.dropped == 1
    read(scanner, "A-2", 3.5)
    assert scanner.take(4.0, 5.0) == [], "a scanner that is late with each part never names the next"
    assert scanner.dropped == 2
    read(scanner, "A-4", 6.5)
    assert scanner.take(6.0, 7.0) == ["A-4"]
    read(scanner, "A-5", 7.5)
    assert scanner.take(8.0, 9.0) == ["A-5"]


def test_a_code_between_a_part_that_had_its_own_and_the_next_is_the_next_ones() -> None:
    scanner = Scanner("127.0.0.1", 9, 10.0)
    read(scanner, "A-1", 0.5)
    assert scanner.take(0.0, 1.0) == ["A-1"]
    read(scanner, "A-2", 1.5)
    assert (scanner.take(2.0, 3.0), scanner.dropped) == (["A-2"], 0)


def test_a_late_code_is_the_next_parts_where_the_plant_file_says_that_it_is_read_before() -> None:
    scanner = Scanner("127.0.0.1", 9, 10.0, "next")
    assert scanner.take(0.0, 1.0) == []
    read(scanner, "A-2", 1.5)
    assert (scanner.take(2.0, 3.0), scanner.dropped) == (["A-2"], 0)


def test_a_part_that_is_named_after_its_time_takes_no_code_of_the_next() -> None:
    scanner = Scanner("127.0.0.1", 9, 10.0)
    read(scanner, "A-2", 2.5)
    assert scanner.take(0.0, 1.0) == []
    assert scanner.take(2.0, 3.0) == ["A-2"]


def test_a_station_without_a_plc_refuses_a_serial_too(home: Home, tmp_path: Path) -> None:
    model = write_model(tmp_path / "models")
    (home.models / "tiny").symlink_to(model.folder)
    vouch(home, model)
    said = {"name": "weld-1", "model": "tiny", "cameras": [{"kind": "simulated", "name": "cam"}]}
    plant = Plant.model_validate({"name": "x", "stations": [said | {"identity": {"once": True}}]})
    producer, shutter, stop = MemoryProducer(), Shutter(), threading.Event()
    station = Station(plant.stations[0], plant, home, producer, shutter.open)
    line = threading.Thread(target=station.run, args=(stop,))
    line.start()
    for number, serial in enumerate(("A-1", "A-2", "A-1"), 1):
        shutter.shoot(20, serial=serial)
        producer.wait(lambda number=number: len(producer.verdicts) == number)
    stop.set()
    line.join(WAIT)
    assert [verdict.outcome for verdict in producer.verdicts] == ["OK", "OK", "REVIEW"]
    assert [verdict.attempt for verdict in producer.verdicts] == [1, 1, 0]
    assert producer.verdicts[0].identity.serial_source == "camera"
    assert producer.verdicts[0].answer == ""


def test_what_the_plc_says_of_a_part_stands_and_pictures_say_the_rest(home: Home) -> None:
    naming = Naming(IdentitySection(), "weld-1", home)
    shown = [
        replace(frame(), identity=Identity(order="O-1", fixture="F3")),
        replace(frame(), identity=Identity(fixture="F4", operator="Li Na")),
    ]
    named = naming.name(shown, "A-1", told_of({"order": "O-77"}))
    assert named.identity == Identity("camera", "O-77", "F3", "Li Na")
    naming.close()


@pytest.mark.parametrize("source", ["plc", "camera"])
def test_a_serial_that_no_index_takes_is_none(home: Home, source: str) -> None:
    naming = Naming(IdentitySection.model_validate({"serial": source}), "weld-1", home)
    serial = "X" * (LONGEST + 1)
    named = naming.name([frame()], serial, told_of({"serial": serial}))
    assert named.serial == "cam-1-1"
    assert str(named.doubt) == (
        f"The part has no serial: {'X' * 20}... has {LONGEST + 1} characters, {LONGEST} are the most."
    )
    assert naming.name([frame()], serial[:-1], told_of({"serial": serial[:-1]})).serial == serial[:-1]
    naming.close()


def test_numbers_of_reasons_are_their_own_for_ever() -> None:
    assert [reason.code for reason in REASONS] == list(range(1, 13))
    assert len({reason.name for reason in REASONS}) == len(REASONS)


@pytest.mark.parametrize(("value", "text"), [(4711.0, "4711"), (0.5, "0.5"), (" A-17\x00 ", "A-17")])
def test_what_a_plc_tells_is_text(value: float | str, text: str) -> None:
    assert told_of({"serial": value}).serial == text
