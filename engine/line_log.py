"""The log of a line, wherever it is kept: files of this node, another node's appender, NATS JetStream."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from engine.keys import client_keys
from engine.lost_frames import told
from engine.paths import Home
from engine.plant import Plant, PlantError
from engine.plant.secrets import SecretSection
from streams.log.abc import Appender, Entry, LogView
from streams.log.errors import LogError
from streams.log.losses import Loss
from streams.log.reader import FileLogReader
from streams.log.tail import last_entry
from streams.log.writer import GIB, MIB, LogWriter

if TYPE_CHECKING:
    from streams.log.jetstream import Stream


def open_view(plant: Plant, home: Home) -> LogView:
    """Return the log of the plant's shard, to be read and to be closed.

    Raises
    ------
    KeyFileError, SecretError
        The secret for a log elsewhere cannot be used.
    """
    if plant.log.jetstream is not None:
        from streams.log.jetstream import JetStreamLog

        return JetStreamLog(stream(plant))
    if (remote := plant.log.remote) is not None:
        from streams.log.remote import RemoteLog

        return RemoteLog(remote.endpoint, plant.shard, client_keys(remote.curve))
    return FileLogReader(home.log / plant.shard)


def open_appender(
    plant: Plant, home: Home, dropped: Callable[[Loss], None], unarchived: Callable[[Loss], None]
) -> Appender:
    """Return the hand that appends to the log of the plant's shard.

    Parameters
    ----------
    dropped
        Called with each loss, where the plant file lets a full log drop its oldest entries.
    unarchived
        Called with what went before it was archived, where the plant file lets both happen.

    Raises
    ------
    LogError, SecretError
        It cannot be opened.
    """
    if plant.log.jetstream is not None:
        from streams.log.jetstream import JetStreamWriter

        return JetStreamWriter(stream(plant), plant.clock())
    drops = dropped if plant.log.when_full == "drop_oldest" else None
    kept = unarchived if plant.log.archive else None
    limit, segment = limit_bytes(plant), segment_bytes(plant)
    return LogWriter(home.log / plant.shard, plant.clock(), limit, segment, drops, kept, told)


def limit_bytes(plant: Plant) -> int:
    """Return how large the log may grow."""
    return int(plant.log.max_gb * GIB)


def segment_bytes(plant: Plant) -> int:
    """Return how large its files are."""
    return plant.log.segment_mb * MIB


def stream(plant: Plant) -> Stream:
    """Return where a log lies that is kept by NATS JetStream.

    Raises
    ------
    PlantError
        The plant file asks for what only a log in files can do.
    SecretError
        The password is not where the plant file says.
    """
    from streams.log.jetstream import Stream

    log, section = plant.log, plant.log.jetstream
    if section is None or log.serve or log.remote or log.archive or log.when_full != "refuse":
        raise PlantError(
            "A log of jetstream needs no serve, no remote and no archive, and refuses when it is full."
        )
    return Stream(
        servers=tuple(section.servers),
        name=section.stream or plant.shard.replace(".", "_"),
        replicas=section.replicas,
        max_bytes=limit_bytes(plant),
        user=section.user,
        password=SecretSection(file=section.password_file).read() if section.password_file else "",
        ca=section.ca,
    )


def newest(plant: Plant, home: Home) -> Entry | None:
    """Return the newest entry of the log, None where there is none yet or nobody answers."""
    if plant.log.jetstream is None and plant.log.remote is None:
        return last_entry(home.log / plant.shard)
    try:
        with closing(open_view(plant, home)) as view:
            found = view.read(view.end - 1, 1) if view.end else ()
    except LogError:
        return None
    return found[0] if found else None
