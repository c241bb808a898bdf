"""Addresses of Modbus: the four tables, numbered from 0 as on the wire. Pure."""

from __future__ import annotations

import re
from functools import partial
from typing import Literal

from streams.connectors.blocks import Place
from streams.connectors.values import (
    BITS,
    Reader,
    Value,
    ValueType,
    Writer,
    reader,
    size,
    swap_bytes,
    swap_words,
    writer,
)

Order = Literal["big", "little"]

BIT_TABLES = ("coil", "discrete")
LIMITS = {"coil": 2000, "discrete": 2000, "holding": 125, "input": 125}
"""The most that one request may ask for, of each table."""
WRITABLE = {"coil": 1968, "holding": 123}
"""The most that one request may write, of the tables that can be written."""
ADDRESS = re.compile(r"(coil|discrete|holding|input):(\d{1,5})(?:\.(\d{1,2}))?", re.ASCII)
LAST = 65_535


def place(
    address: str,
    kind: ValueType | None = None,
    length: int = 0,
    word_order: Order = "big",
    byte_order: Order = "big",
) -> Place:
    """Return where an address is: ``coil:7``, ``discrete:7``, ``input:7``, ``holding:7``, ``holding:7.3``.

    Parameters
    ----------
    kind
        What lies there; None is a bool where the address is one bit, else a uint16.
    length
        Registers of a string.
    word_order, byte_order
        Which comes first: the most significant register, and byte of a register, or the least.

    Raises
    ------
    ValueError
        There is no such address, or nothing of that type can lie there.

    >>> place("holding:100", "float32").count
    2
    """
    if not (found := ADDRESS.fullmatch(address)):
        raise ValueError(
            f"{address!r} is no address of Modbus; write the table and the number, as holding:100"
        )
    area, first, bit = found[1], int(found[2]), found[3]
    is_bit = area in BIT_TABLES or bit is not None
    kind = kind or ("bool" if is_bit else "uint16")
    count = size(kind, length)
    _check(address, kind, is_bit, length)
    if area in BIT_TABLES and bit is not None:
        raise ValueError(f"{address} is a bit of a bit; write {area}:{first}")
    if bit is not None and int(bit) >= BITS:
        raise ValueError(f"{address} is no bit of a register; they are .0 to .15")
    if first + count - 1 > LAST:
        raise ValueError(f"{address} ends behind the table's last number, {LAST}")
    form = (kind, int(bit or 0), word_order, byte_order)
    return Place(address, area, first, count, _reader(*form), _writer(*form))


def _check(address: str, kind: ValueType, is_bit: bool, length: int) -> None:
    if is_bit and kind != "bool":
        raise ValueError(f"{address} is one bit, which is a bool and no {kind}")
    if not is_bit and kind == "bool":
        raise ValueError(f"{address} is a register; write which of its bits, as {address}.0")
    if (kind == "string") != (length > 0):
        raise ValueError(f"{address} is of type {kind}: a string has a length, and nothing else has one")


def _reader(kind: ValueType, bit: int, word_order: Order, byte_order: Order) -> Reader:
    words = "big" if kind == "string" else word_order
    return partial(_ordered, reader(kind, "big", bit), words == "little", byte_order == "little")


def _writer(kind: ValueType, bit: int, word_order: Order, byte_order: Order) -> Writer:
    words = "big" if kind == "string" else word_order
    return partial(_put_ordered, writer(kind, "big", bit), words == "little", byte_order == "little")


def _ordered(read: Reader, by_words: bool, by_bytes: bool, payload: bytes) -> Value:
    return read(_turned(payload, by_words, by_bytes))


def _put_ordered(write: Writer, by_words: bool, by_bytes: bool, payload: bytes, value: Value) -> bytes:
    written = write(_turned(payload, by_words, by_bytes), value)
    return _turned(written, by_words, by_bytes)


def _turned(payload: bytes, by_words: bool, by_bytes: bool) -> bytes:
    """Return the bytes as the standard has them, or the other way round; a bit of a table has one byte."""
    ordered = swap_words(payload) if by_words else payload
    return swap_bytes(ordered) if by_bytes else ordered
