"""Values as devices keep them: bytes of a known type as numbers and texts. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

Value = float | str
Reader = Callable[[bytes], Value]
"""Read the value out of exactly its own bytes."""
Writer = Callable[[bytes, Value], bytes]
"""Return the value's own bytes with the value in them; what else lies there, other bits, stays."""

ValueType = Literal[
    "bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "string"
]
"""What can lie in a device's memory. Readings are float64: beyond 2**53 an int64 loses its last digits."""

WORD = 2
"""Bytes of a word, or register."""
BITS = 8 * WORD
FORMATS = dict(zip(get_args(ValueType)[1:-1], "hHiIqQfd", strict=True))


def size(kind: ValueType, length: int) -> int:
    """Return how many words a value takes; ``length`` is that of a string."""
    if kind in FORMATS:
        return struct.calcsize(f"<{FORMATS[kind]}") // WORD
    return length if kind == "string" else 1


def reader(kind: ValueType, order: Literal["big", "little"], bit: int = 0) -> Reader:
    r"""Return what reads a value whose bytes come in an order.

    >>> reader("int16", "big")(b"\xff\xfe"), reader("bool", "big", 1)(b"\xff\xfe")
    (-2.0, 1.0)
    """
    if kind == "bool":
        return partial(_bit, order, bit)
    if kind == "string":
        return text
    return partial(_number, struct.Struct((">" if order == "big" else "<") + FORMATS[kind]))


def writer(kind: ValueType, order: Literal["big", "little"], bit: int = 0) -> Writer:
    r"""Return what writes a value whose bytes come in an order: the reverse of `reader`.

    >>> writer("int16", "big")(bytes(2), -2.0), writer("bool", "big", 1)(b"\xff\xfe", 0.0)
    (b'\xff\xfe', b'\xff\xfc')
    """
    if kind == "bool":
        return partial(_put_bit, order, bit)
    if kind == "string":
        return _put_text
    return partial(put_number, struct.Struct((">" if order == "big" else "<") + FORMATS[kind]))


def text(payload: bytes) -> str:
    r"""Return the text of bytes: it ends at the first NUL or with the last that is no blank.

    >>> text(b"O1234 \0\0")
    'O1234'
    """
    return payload.partition(b"\0")[0].decode(errors="replace").rstrip()


def swap_words(payload: bytes) -> bytes:
    """Return words in the reverse order, each as it is."""
    return b"".join(payload[place : place + WORD] for place in range(len(payload) - WORD, -1, -WORD))


def swap_bytes(payload: bytes) -> bytes:
    """Return words in the same order, the bytes of each turned round."""
    return swap_words(payload[::-1])


def _number(form: struct.Struct, payload: bytes) -> float:
    return float(form.unpack(payload)[0])


def put_number(form: struct.Struct, payload: bytes, value: Value) -> bytes:
    """Return a number in its form; a whole one that does not fit keeps its lowest bits, as a counter does.

    A text is the number that it spells, or 0.
    """
    number = value if isinstance(value, float) else spelt(value)
    if form.format[-1] in "fd":
        return form.pack(number)
    whole = int(number) & (1 << 8 * form.size) - 1
    return whole.to_bytes(form.size, "big" if form.format[0] == ">" else "little")


def spelt(words: Value) -> float:
    """Return the number that a text spells, 0 where it spells none.

    >>> spelt("17"), spelt("A-17")
    (17.0, 0.0)
    """
    try:
        number = float(words)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def _put_bit(order: Literal["big", "little"], bit: int, payload: bytes, value: Value) -> bytes:
    others = int.from_bytes(payload, order) & ~(1 << bit)
    return (others | bool(value) << bit).to_bytes(len(payload), order)


def _put_text(payload: bytes, value: Value) -> bytes:
    return cut(str(value), len(payload)).ljust(len(payload), b"\0")


def cut(words: str, size: int, encoding: str = "utf-8") -> bytes:
    """Return as much of a text as fits, whole letters."""
    return words.encode(encoding, "replace")[:size].decode(encoding, "ignore").encode(encoding)


def _bit(order: Literal["big", "little"], bit: int, payload: bytes) -> float:
    return float(int.from_bytes(payload, order) >> bit & 1)
