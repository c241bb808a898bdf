"""Whether an ONNX file is all there is to a model: weights may lie in other files, which no hash covers.

Reads protocol buffers as far as that, and nothing of what a network means: OpenVINO does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

INSIDE: Final[dict[str, dict[int, str]]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}
"""Messages of ONNX in which tensors may be, and which of their fields hold which."""
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor that say that its numbers are elsewhere."""
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}
LONGEST, GOES_ON = 10, 0x80
"""Bytes of a varint at the most, and the bit of each but its last."""
LARGEST_KEY = 0xFFFFFFFF
"""Of a field; other readers cut more off."""


def lies_elsewhere(content: bytes) -> bool:
    """Say whether a tensor of an ONNX model has its numbers in another file.

    Raises
    ------
    ValueError
        The bytes are no protocol buffer, or end in the middle of one.
    """
    waiting = [("ModelProto", memoryview(content))]
    while waiting:
        name, message = waiting.pop()
        for number, value in fields(message):
            if name == "TensorProto" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value)):
                return True
            if isinstance(value, memoryview) and number in INSIDE[name]:
                waiting.append((INSIDE[name][number], value))
    return False


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Yield the number of each field of a message, and its bytes, or what it counts.

    Raises
    ------
    ValueError
        The message ends in the middle of a field, or has one of an unknown kind.
    """
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        kind = key & 7 if key <= LARGEST_KEY else -1
        if kind == VARINT:
            value, place = varint(message, place)
            yield key >> 3, value
        elif kind == LENGTH or kind in WIDTHS:
            size, place = varint(message, place) if kind == LENGTH else (WIDTHS[kind], place)
            if size > len(message) - place:
                raise ValueError("a field is longer than the bytes that are there")
            yield key >> 3, message[place : place + size]
            place += size
        else:
            raise ValueError(f"a field is of the unknown kind {kind}")


def varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the number that begins at a place, and the place behind it.

    Raises
    ------
    ValueError
        It has no end.
    """
    value = 0
    for index, byte in enumerate(message[place : place + LONGEST]):
        value |= (byte & ~GOES_ON) << 7 * index
        if not byte & GOES_ON:
            return value, place + index + 1
    raise ValueError("a number has no end")
