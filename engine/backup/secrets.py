"""A plant file without its secrets: users of addresses, and values that are named like secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from engine.redact import HIDDEN, USER_INFO

NAMED = re.compile(r"password|passphrase|secret|token|private_key|api_key", re.IGNORECASE)


def without_secrets(value: Any, name: str = "") -> Any:
    """Return plain values with every secret replaced.

    >>> without_secrets({"path": "rtsp://ann:s3cret@cam/1", "password": "s3cret", "rate": 5})
    {'path': 'rtsp://***@cam/1', 'password': '***', 'rate': 5}
    """
    if isinstance(value, dict):
        return {key: without_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item, name) for item in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if NAMED.search(name) and value else USER_INFO.sub(f"{HIDDEN}@", value)


def hidden(value: Any, place: str = "") -> Iterator[str]:
    """Yield the places at which a secret was left out."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from hidden(item, f"{place}.{key}".lstrip("."))
    elif isinstance(value, str) and HIDDEN in value:
        yield place
