"""Contracts of the durable log: what an entry is, who writes and who reads it.

One log per partition; its appender fixes the total order and stamps every entry. Everything that a
flow may know stands in it, time included: a flow never looks at a clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

SESSION = re.compile(r"/[0-9a-f]{8}$")
"""What a producer adds to the name of its source, each time that it begins anew."""


class Kind(IntEnum):
    """What an entry's payload is."""

    TICK = 0
    """Nothing but time passed: no payload."""
    READINGS = 1
    """`streams.records.Readings` as one Arrow batch."""
    REJECTS = 2
    """`streams.records.Rejects` as one Arrow batch: what a source sent and nobody could read."""
    VERDICT = 3
    """A station's verdict on one part, JSON (`vision.records.Verdict`)."""
    FRAMES = 4
    """Frames of a camera that ended otherwise than inspected, JSON (`vision.records.FrameLoss`)."""
    MIXED = 5
    """Readings and rejects of one message (`streams.log.mixed`)."""
    WAVEFORM = 6
    """`streams.waveforms.Waveforms` as one Arrow batch."""
    SHADOW = 20
    """What a model says that only looks on, JSON (`vision.records.Verdict`): nobody acts on it."""
    APPROVAL = 21
    """A line of the file of approvals, as it stands there."""
    DRIFT = 22
    """How far what a station sees is from what it saw at first, JSON."""
    RELEASE = 8
    """What happened to a station's release, JSON (`engine.release.Event`)."""


class Entry(NamedTuple):
    """One record of the log."""

    position: int
    """Ordinal in the partition, from 1, without gaps."""
    kind: Kind
    received: int
    """The appender's stamp, microseconds UTC, never falling."""
    producer: str
    """Who sent it: ``name`` or ``name/session``; empty for ticks."""
    payload: bytes


class LogReader(Protocol):
    """Read entries that are safe on disk, in order."""

    def read(self, after: int, limit: int) -> Sequence[Entry]:
        """Return entries behind position ``after``, of about ``limit`` bytes at the most; never wait.

        Raises
        ------
        LogGap
            The wanted entries were removed already.
        """

    def close(self) -> None:
        """Release files or sockets."""


class LogView(LogReader, Protocol):
    """A whole partition, as the shard that reads it sees it; safe to use from several threads."""

    @property
    def first(self) -> int:
        """The position of the oldest entry that is there; one behind `end` where there is none."""

    @property
    def end(self) -> int:
        """The last position that is safe on disk, 0 for an empty log."""

    def find(self, received: int) -> int:
        """Return the position of the last entry that was stamped before a time (microseconds UTC).

        Reading behind it begins with the oldest entry stamped at that time or later.
        """

    def consumed(self, position: int) -> None:
        """Allow entries up to ``position`` to be removed: no restart reads them again."""

    def committed(self, position: int) -> None:
        """Tell that what follows from entries up to ``position`` is in the database."""


class Appender(Protocol):
    """Append entries to a partition, a group at a time; the one who does so fixes their order."""

    position: int
    """The last position that is safe."""
    received: int
    """The stamp of the entry there."""

    @property
    def size(self) -> int:
        """Bytes that the partition takes."""

    def last_sequence(self, producer: str) -> int | None:
        """Return the last sequence number taken from a producer, None for one never heard of."""

    def append(self, kind: Kind, payload: bytes, producer: str = "", sequence: int = 0) -> int | None:
        """Stamp an entry for the next group and return its position, None when it is a repeat."""

    def commit(self) -> int:
        """Make the group safe and return the last position that is.

        Raises
        ------
        LogFull
            Not all of it was taken; the same entries may come again.
        """

    def close(self) -> None:
        """Let go of the partition; entries not committed are forgotten."""


class Producer(Protocol):
    """Hand entries to the appender; each is acknowledged once it is on disk."""

    def send(self, kind: Kind, payload: bytes) -> int:
        """Queue one entry and return its sequence number; wait while the window is full."""

    def acknowledged(self) -> int:
        """Return the highest sequence number up to which everything is on disk (0 at first)."""

    def flush(self, timeout: float) -> bool:
        """Wait until everything sent is acknowledged; False when the time ran out."""

    def close(self) -> None:
        """Give up the connection; unacknowledged entries are reported lost by the caller."""


def source_of(producer: str) -> str:
    """Return the source that a producer works for: its name without that of its session.

    >>> source_of("press/0a1b2c3d"), source_of("boxes/box-7")
    ('press', 'boxes/box-7')
    """
    return SESSION.sub("", producer)
