"""``rework`` as it is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.identity.book import Book
from engine.paths import Home

ORDER = ("--station", "weld-1", "--by", "Chen Wei", "--reason", "seam welded over")


@pytest.fixture
def book(home: Path) -> Iterator[Book]:
    """Return the book of a station that runs, and has inspected one part."""
    opened = Book(Home(home).create().stations, "weld-1")
    opened.admit("A-1001")
    yield opened
    opened.close()


def test_a_serial_may_be_inspected_once_more(book: Book, seamline: Callable[..., Any]) -> None:
    assert "as attempt 2." in seamline("rework", "A-1001", *ORDER).words
    assert [book.admit("A-1001"), book.admit("A-1001")] == [2, 0]


def test_who_allowed_what_is_told(book: Book, seamline: Callable[..., Any]) -> None:
    seamline("rework", "A-1001", *ORDER)
    assert "1 rework orders are open." in seamline("rework", "--station", "weld-1").words
    book.admit("A-1001")
    assert "0 rework orders are open." in seamline("rework", "--station", "weld-1").words
    words = seamline("rework", "A-1001", "--station", "weld-1").words
    assert "Chen Wei" in words
    assert "Serial A-1001 was inspected 2 times." in words
    found = seamline("rework", "A-1001", "--station", "weld-1", "--json").json
    assert (found["attempts"], found["opened"]) == (2, False)
    assert [(order["by"], order["attempt"]) for order in found["orders"]] == [("Chen Wei", 2)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("A-2", *ORDER), "was never inspected here"),
        (("A-1001", *ORDER[:4]), "names who opens it and why"),
        (ORDER, "is for one serial"),
        (("A-1001", "--station", "weld-9"), "has inspected no serials"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    book: Book, seamline: Callable[..., Any], words: tuple[str, ...], says: str
) -> None:
    ended = seamline("rework", *words, "--json")
    assert ended.code == 2
    assert says in ended.json["error"]
