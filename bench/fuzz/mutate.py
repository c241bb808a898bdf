"""Valid messages made slightly, or wildly, wrong: what fuzzing in the suite begins from."""

from __future__ import annotations

import random
from collections.abc import Sequence

EXTREMES = (
    b"",
    b"\0",
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b"-1",
    b"1e999",
    b"NaN",
    b"9" * 40,
    b'"\\ud800"',
    b"[" * 2000,
)
LONGEST = 1 << 16


def mutated(examples: Sequence[bytes], chance: random.Random) -> bytes:
    """Return one of the examples after one to eight random changes."""
    data = bytearray(chance.choice(examples))
    for _ in range(chance.randint(1, 8)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.choice((0, 1, 1, 4, 8, 40)))
        data[start:end] = _instead(bytes(data), start, end, examples, chance)
    return bytes(data[:LONGEST])


def _instead(data: bytes, start: int, end: int, examples: Sequence[bytes], chance: random.Random) -> bytes:
    """Return what takes the place of a slice: noise, an extreme, the slice twice, a piece of an example."""
    match chance.randrange(5):
        case 0:
            return bytes(byte ^ 1 << chance.randrange(8) for byte in data[start:end])
        case 1:
            return chance.randbytes(end - start)
        case 2:
            return chance.choice(EXTREMES)
        case 3:
            return 2 * data[start:end]
    other = chance.choice(examples)
    place = chance.randint(0, len(other))
    return other[place : place + chance.choice((1, 8, 100))]
