"""Times without a zone in what a source writes, given the source's zone: they would count as UTC. Pure.

They are written anew where they stand, as UTC with a Z: what reads them behind is the same for all.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from streams.remembered import of_short_texts

Zone = ZoneInfo | None
"""Of times that name none; None: UTC."""
NAIVE = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?"
LINE = re.compile(rb"(?:" + NAIVE + rb")(?=[@|])")
FIELD = re.compile(rb'(?<!\\)("(?:ts|source_ts)"\s*:\s*")(' + NAIVE + rb')(?=")')
"""Where a line of readings writes a time; within a text, a quotation mark has a backslash before it."""


@of_short_texts(4096)
def zoned(text: str, zone: Zone) -> str:
    """Return an ISO 8601 time that names no zone as UTC; any other text as it is.

    An hour that comes twice, when summer time ends, is the first of the two.

    >>> zoned("2026-03-02T18:00:00.5", ZoneInfo("Asia/Shanghai"))
    '2026-03-02T10:00:00.500000Z'
    >>> zoned("2026-03-02T18:00:00Z", ZoneInfo("Asia/Shanghai"))
    '2026-03-02T18:00:00Z'
    """
    if zone is None:
        return text
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return text
        return time.replace(tzinfo=zone).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return text


def zoned_line(line: bytes, zone: Zone) -> bytes:
    """Return a line that begins with its time, as SHDR has it."""
    found = LINE.match(line) if zone else None
    return line if found is None else _utc(found[0], zone) + line[found.end() :]


def zoned_lines(lines: bytes, zone: Zone) -> bytes:
    """Return lines that begin with their times."""
    return b"\n".join(zoned_line(line, zone) for line in lines.split(b"\n")) if zone else lines


def zoned_json(payload: bytes, zone: Zone) -> bytes:
    """Return JSON lines of readings."""
    return FIELD.sub(lambda found: found[1] + _utc(found[2], zone), payload) if zone else payload


def _utc(text: bytes, zone: Zone) -> bytes:
    return zoned(text.decode(), zone).encode()
