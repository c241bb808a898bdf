"""What a model learned from: a short digest of every picture, in its card, so that none measures it later.

A digest knows a file again and nothing else: the same picture encoded anew is another file.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

WIDTH = 8
"""Bytes that are kept of each file's SHA-256: enough to tell a million files apart."""
KEY = "learned_from"
"""Of the card; left out where nobody knows."""


def digest(content: bytes) -> bytes:
    """Return the digest of a file's bytes."""
    return hashlib.sha256(content).digest()[:WIDTH]


def pack(digests: Iterable[bytes]) -> str:
    """Return digests as a card holds them: sorted, each once, in base64.

    Examples
    --------
    >>> unpack(pack([digest(b"one"), digest(b"two"), digest(b"one")])) == {digest(b"one"), digest(b"two")}
    True
    """
    return base64.b64encode(b"".join(sorted(set(digests)))).decode()


def unpack(packed: str) -> frozenset[bytes]:
    """Return the digests that a card holds.

    Raises
    ------
    ValueError
        They are none.
    """
    joined = base64.b64decode(packed, validate=True)
    if len(joined) % WIDTH:
        raise ValueError(f"{len(joined)} bytes are no digests of {WIDTH} bytes each")
    return frozenset(joined[at : at + WIDTH] for at in range(0, len(joined), WIDTH))
