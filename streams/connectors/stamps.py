"""Read the times that sources write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from streams.remembered import of_short_texts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@of_short_texts(4096)
def stamp(text: str) -> int | None:
    """Return the microseconds since 1970 UTC that an ISO 8601 text writes, None when it writes none.

    A time without a zone is UTC; fractions finer than a microsecond are cut off.

    >>> stamp("2022-08-08T13:51:34.7167146Z")
    1659966694716714
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time.replace(tzinfo=time.tzinfo or UTC) - EPOCH) // MICROSECOND


def iso(ts: int) -> str:
    """Write microseconds since 1970 UTC as ISO 8601.

    >>> iso(1659966694716714)
    '2022-08-08T13:51:34.716714Z'
    """
    return (EPOCH + ts * MICROSECOND).isoformat().replace("+00:00", "Z")
