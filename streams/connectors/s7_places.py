"""Addresses of Siemens S7 controllers, as STEP 7 writes them, and the types that lie there. Pure."""

from __future__ import annotations

import re
import struct
from functools import partial
from typing import Literal

from streams.connectors.blocks import Place
from streams.connectors.values import Reader, Value, Writer, cut, put_number, reader, writer

S7Type = Literal[
    "bool", "byte", "sint", "word", "int", "uint", "dword", "dint", "udint", "real", "lreal", "lint", "ulint",
    "string",
]  # fmt: skip
"""Types of STEP 7. Readings are float64: beyond 2**53 a lint loses its last digits."""

FORMATS: dict[str, str] = {
    "byte": "B", "sint": "b", "word": "H", "int": "h", "uint": "H", "dword": "I", "dint": "i", "udint": "I",
    "real": "f", "lreal": "d", "lint": "q", "ulint": "Q",
}  # fmt: skip
USUAL: dict[str, S7Type] = {"X": "bool", "B": "byte", "W": "int", "D": "real"}
"""The type of an address that names none, by its letter."""
WIDTHS = {"B": {1, 8}, "W": {2}, "D": {4, 8}}
"""Bytes of the types that an address of a letter may have; 8 have no letter of their own."""
ADDRESS = re.compile(r"(?:(DB\d{1,5})\.DB(?=[XBWD])|([MIQ]))([XBWD]?)(\d{1,5})(?:\.([0-7]))?", re.ASCII)
LAST = 65_535
HEAD = 2
"""Bytes before the letters of a string: how many fit, and how many there are."""
AT_ONCE = 222
"""Bytes that every controller gives in one answer, even with the smallest, of 240."""


def place(address: str, kind: S7Type | None = None, length: int = 0) -> Place:
    """Return where an address is: ``DB1.DBX0.3``, ``DB1.DBB2``, ``DB1.DBW2``, ``DB1.DBD4``, ``M1.3``.

    Parameters
    ----------
    kind
        What lies there; None is a bool, byte, int or real, by the address's letter.
    length
        Of a string: how many letters fit.

    Raises
    ------
    ValueError
        There is no such address, or nothing of that type can lie there.

    >>> place("DB1.DBD4").area, place("DB1.DBD4").first, place("DB1.DBD4").count
    ('DB1', 4, 4)
    """
    if not (found := ADDRESS.fullmatch(address)):
        raise ValueError(f"{address!r} is no address of an S7; write it like DB1.DBD4, DB1.DBX0.3 or MW10")
    block, memory, letter, first, bit = found.groups()
    letter = letter or "X"
    kind = kind or USUAL[letter]
    _check(address, letter, bit, kind, length)
    count = HEAD + length if kind == "string" else struct.calcsize(f">{FORMATS.get(kind, 'B')}")
    if int(first) + count - 1 > LAST:
        raise ValueError(f"{address} ends behind the last byte, {LAST}")
    form = (kind, length, int(bit or 0))
    return Place(address, block or memory, int(first), count, _reader(*form), _writer(*form))


def _check(address: str, letter: str, bit: str | None, kind: S7Type, length: int) -> None:
    if (letter == "X") != (bit is not None):
        raise ValueError(f"{address} is not written well; only a bit ends with a number behind a dot")
    if (letter == "X") != (kind == "bool"):
        raise ValueError(f"{address} cannot be a {kind}; a bit is a bool, and nothing else is")
    if (kind == "string") != (length > 0):
        raise ValueError(f"{address} is of type {kind}: a string has a length, and nothing else has one")
    if kind == "string" and letter != "B":
        raise ValueError(f"{address} begins a string; write it by its first byte, with a B")
    if kind in FORMATS and struct.calcsize(f">{FORMATS[kind]}") not in WIDTHS[letter]:
        raise ValueError(f"{address} has not the bytes of a {kind}; write B for 1, W for 2, D for 4 or 8")


def _reader(kind: S7Type, length: int, bit: int) -> Reader:
    if kind == "bool":
        return reader("bool", "big", bit)
    if kind == "string":
        return partial(_text, length)
    return partial(_number, struct.Struct(f">{FORMATS[kind]}"))


def _writer(kind: S7Type, length: int, bit: int) -> Writer:
    if kind == "bool":
        return writer("bool", "big", bit)
    if kind == "string":
        return partial(_put_text, length)
    return partial(put_number, struct.Struct(f">{FORMATS[kind]}"))


def _number(form: struct.Struct, payload: bytes) -> float:
    return float(form.unpack(payload)[0])


def _text(length: int, payload: bytes) -> str:
    """Return the letters of a string; a controller's are those of ISO 8859-1."""
    there = min(payload[1], length)
    return payload[HEAD : HEAD + there].decode("latin-1")


def _put_text(length: int, payload: bytes, value: Value) -> bytes:
    """Return a string with its head: how many letters fit, how many there are."""
    letters = cut(str(value), length, "latin-1")
    return bytes([length, len(letters)]) + letters.ljust(length, b"\0")
