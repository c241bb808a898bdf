"""Waveforms as they are sent: an Arrow stream of some, or one as a JSON object. Pure.

A message is taken or refused as a whole.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from streams.connectors.batch import is_whole
from streams.connectors.json_lines import BadLine, read_quality, read_time
from streams.records import GOOD, Text
from streams.samples import Samples
from streams.waveforms import SAMPLES_LIMIT, Waveforms

MOST = 1e300


def check(waveforms: Waveforms) -> Waveforms:
    """Return waveforms that the log may keep.

    Raises
    ------
    ValueError
        One of them is too long.
    """
    longest = int(waveforms.samples.lengths.max(initial=0))
    if longest > SAMPLES_LIMIT:
        raise ValueError(f"a waveform has {longest} samples; send it in parts of at most {SAMPLES_LIMIT}")
    return waveforms


def decode_json(payload: bytes) -> Waveforms:
    """Return the waveform that a JSON object is.

    Raises
    ------
    ValueError
        It is none, or too long.
    """
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"the bytes are no JSON: {exc}") from exc
    if not isinstance(fields, dict):
        raise ValueError("the JSON is no object with machine, sensor, ts, rate_hz and samples")
    try:
        ts, good = read_time(fields.get("ts")), read_quality(fields.get("quality", GOOD))
    except BadLine as exc:
        raise ValueError(f"time or quality of the waveform cannot be read: {exc}") from exc
    return Waveforms(
        machine=_text(fields, "machine"),
        sensor=_text(fields, "sensor"),
        axis=_text(fields, "axis", ""),
        ts=np.array([ts], np.int64),
        rate_hz=_number(fields, "rate_hz"),
        full_scale=_number(fields, "full_scale", math.nan),
        unit=_text(fields, "unit", ""),
        shaft_rpm=_number(fields, "shaft_rpm", math.nan),
        quality=np.array([good], np.int16),
        samples=_samples(fields.get("samples")),
    )


def _text(fields: dict[str, Any], key: str, default: str | None = None) -> Text:
    if not isinstance(found := _given(fields, key, default), str) or not is_whole(found):
        raise ValueError(f"{key} of the waveform is no text")
    return Text.of([found])


def _number(fields: dict[str, Any], key: str, default: float | None = None) -> Any:
    found = _given(fields, key, default)
    if not _is_number(found):
        raise ValueError(f"{key} of the waveform is no number")
    return np.array([found], np.float64)


def _given(fields: dict[str, Any], key: str, default: object) -> object:
    return default if fields.get(key) is None else fields[key]


def _samples(found: object) -> Samples:
    if not isinstance(found, list) or not all(map(_is_number, found)):
        raise ValueError("samples of the waveform are no list of numbers")
    if len(found) > SAMPLES_LIMIT:
        raise ValueError(
            f"the waveform has {len(found)} samples; send it in parts of at most {SAMPLES_LIMIT}"
        )
    with np.errstate(over="ignore"):
        return Samples.of([np.array(found, np.float64).astype(np.float32)])


def _is_number(found: object) -> bool:
    return isinstance(found, float) or (type(found) is int and abs(found) < MOST)
