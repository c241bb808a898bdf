"""Addresses of MELSEC devices, as the programming tool writes them: D100, M8, X1F, W1A0, D100.F. Pure.

Codes and notations: MELSEC Communication Protocol Reference Manual, SH(NA)-080008. ZR is left out: whether
its numbers are decimal or hexadecimal depends on the manual one reads.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from streams.connectors.blocks import Place
from streams.connectors.values import ValueType, reader, size


class Device(NamedTuple):
    """One kind of device memory."""

    code: int
    is_bit: bool
    base: int
    """In which its numbers are written."""


DEVICES = {
    "SM": Device(0x91, True, 10),
    "SD": Device(0xA9, False, 10),
    "X": Device(0x9C, True, 16),
    "Y": Device(0x9D, True, 16),
    "M": Device(0x90, True, 10),
    "L": Device(0x92, True, 10),
    "F": Device(0x93, True, 10),
    "V": Device(0x94, True, 10),
    "B": Device(0xA0, True, 16),
    "SB": Device(0xA1, True, 16),
    "D": Device(0xA8, False, 10),
    "W": Device(0xB4, False, 16),
    "SW": Device(0xB5, False, 16),
    "R": Device(0xAF, False, 10),
    "TN": Device(0xC2, False, 10),
    "SN": Device(0xC8, False, 10),
    "CN": Device(0xC5, False, 10),
}
LIMITS = {name: 3584 if device.is_bit else 960 for name, device in DEVICES.items()}
"""The most that one request may ask for, on every series; some give 7168 bits."""
ADDRESS = re.compile(r"(SM|SD|SB|SW|TN|SN|CN|[XYMLFVBDWR])([0-9A-F]{1,6})(?:\.([0-9A-F]))?", re.ASCII)
LAST = 0xFF_FF_FF
WORDS = {2: "binary", 8: "octal", 10: "decimal", 16: "hexadecimal"}


def place(
    address: str, kind: ValueType | None = None, length: int = 0, inputs: Literal["hex", "octal"] = "hex"
) -> Place:
    """Return where an address is.

    Parameters
    ----------
    kind
        What lies there; None is a bool where the address is one bit, else an int16.
    length
        Words of a string.
    inputs
        How X and Y are numbered: octal on iQ-F and FX, hexadecimal on all others.

    Raises
    ------
    ValueError
        There is no such address, or nothing of that type can lie there.

    >>> place("X1F").first, place("X17", inputs="octal").first, place("D100", "float32").count
    (31, 15, 2)
    """
    if not (found := ADDRESS.fullmatch(address)):
        raise ValueError(f"{address!r} is no device that can be read; write it as D100, M8, X1F or D100.F")
    name, bit = found[1], found[3]
    device = DEVICES[name]
    first = _number(address, found[2], 8 if name in "XY" and inputs == "octal" else device.base)
    is_bit = device.is_bit or bit is not None
    kind = kind or ("bool" if is_bit else "int16")
    if device.is_bit and bit is not None:
        raise ValueError(f"{address} is a bit of a bit; write {name}{found[2]}")
    if is_bit and kind != "bool":
        raise ValueError(f"{address} is one bit, which is a bool and no {kind}")
    if not is_bit and kind == "bool":
        raise ValueError(f"{address} is a word; write which of its bits, as {address}.0")
    if (kind == "string") != (length > 0):
        raise ValueError(f"{address} is of type {kind}: a string has a length, and nothing else has one")
    return Place(address, name, first, size(kind, length), reader(kind, "little", int(bit or "0", 16)))


def _number(address: str, digits: str, base: int) -> int:
    try:
        number = int(digits, base)
    except ValueError as exc:
        raise ValueError(f"{address} is not numbered in {WORDS[base]} digits, as its device is") from exc
    if number > LAST:
        raise ValueError(f"{address} lies behind the last number of any device")
    return number
