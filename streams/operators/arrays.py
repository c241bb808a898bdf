"""Arrays of an operator's state as bytes: the same arrays always give the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACTS = "facts"


def pack(arrays: Iterable[tuple[str, NDArray[Any]]], facts: Any) -> bytes:
    """Return named arrays, each taken when its turn comes, and one JSON value as bytes."""
    text = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, array in chain(arrays, [(FACTS, text)]):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return sink.getvalue()


def unpack(state: bytes) -> tuple[dict[str, NDArray[Any]], Any]:
    """Return what `pack` was given."""
    with np.load(io.BytesIO(state), allow_pickle=False) as saved:
        arrays = dict(saved)
    return arrays, json.loads(arrays.pop(FACTS).tobytes())


def narrowed(column: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Return a column of numbers from 0 on in the smallest type that holds them all."""
    return column.astype(np.min_scalar_type(int(column.max(initial=0))))
