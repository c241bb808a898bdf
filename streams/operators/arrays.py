"""Arrays of an operator's state as bytes: the same arrays always give the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACTS = "facts"


def pack(arrays: Mapping[str, NDArray[Any]], facts: Any) -> bytes:
    """Return named arrays and one JSON value as bytes."""
    text = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **arrays, **{FACTS: text})
    return sink.getvalue()


def unpack(state: bytes) -> tuple[dict[str, NDArray[Any]], Any]:
    """Return what `pack` was given."""
    with np.load(io.BytesIO(state), allow_pickle=False) as saved:
        arrays = dict(saved)
    return arrays, json.loads(arrays.pop(FACTS).tobytes())
