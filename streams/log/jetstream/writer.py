"""Append entries to a stream: what `streams.log.writer` does with files, for `streams.log.server`.

An entry is a message, its position the message's sequence number; one that is too large for the servers
is several entries, and the last of them counts for its producer. Each message says behind which it
belongs, by number and by the name of the one before it in its group. So whatever comes late, from a
lost connection or from another appender, lands nowhere, and nothing lands behind what did not.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from contextlib import aclosing
from typing import NamedTuple

from nats.js.api import Header, PubAck
from nats.js.errors import APIError, KeyNotFoundError, NotFoundError

from streams.clock import Clock
from streams.log.abc import Entry, Kind
from streams.log.errors import LogAway, LogFull
from streams.log.jetstream.link import FOREIGN, PAYLOAD_AT_LEAST, Link, Stream
from streams.log.jetstream.pieces import Piece, pieces
from streams.log.segments import Record, encode
from streams.log.sequences import Sequences
from streams.log.stamps import Stamps

COMMIT_SECONDS = 5.0
CATCH_UP_SECONDS = 300.0
SAVE_EVERY = 4096
"""Entries after which the producers' numbers are kept aside, so that a start need not read all."""
NO_ROOM = 10077
"""JetStream's code for a stream that holds as much as it may."""
SIDECAR = "producers"
PIECE_BYTES = PAYLOAD_AT_LEAST - (1 << 20)
"""How large the pieces are of what no message can hold; the same ever, so that they can come again."""
PART = 1 << 63
"""Set in the number of each piece but the last."""


class Message(NamedTuple):
    """An entry as it is published."""

    name: str
    data: bytes


class JetStreamWriter:
    """The appender's hand on a stream: `append` several entries, then `commit` them.

    Raises
    ------
    LogAway
        No server answers.
    """

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self._link = Link(stream, keeps=True)
        self._sequences = Sequences()
        self.position = self.received = self.size = 0
        self._saved = 0
        self._pending: list[Message] = []
        self._session, self._numbers = secrets.token_hex(6), itertools.count()
        self._unsure = False
        self._begun: dict[str, tuple[int, int]] = {}
        """Producer -> number of an entry of which not all is there, and how many of its pieces are."""
        try:
            self._link.run(self._load(), COMMIT_SECONDS)
            self._catch_up()
        except BaseException:
            self._link.close()
            raise
        self._stamps = Stamps(clock, self.received)

    def last_sequence(self, producer: str) -> int | None:
        """Return the last sequence number taken from a producer, None for one never heard of."""
        return self._sequences.last(producer)

    def append(self, kind: Kind, payload: bytes, producer: str = "", sequence: int = 0) -> int | None:
        """Stamp an entry for the next group and return its position, None when it is a repeat."""
        if producer and sequence <= (self.last_sequence(producer) or 0):
            return None
        stamp = self._stamps.next()
        number, there = self._begun.get(producer, (0, 0))
        begun = number == sequence and there > 0
        whole = len(payload) <= self._link.room and not begun
        *before, last = [Piece(kind, payload)] if whole else pieces(kind, payload, PIECE_BYTES)
        for piece in before[there if begun else 0 :]:
            self._put(piece, stamp, producer, PART | sequence)
        self._put(last, stamp, producer, sequence)
        self._sequences.note(producer, sequence)
        return self.position + len(self._pending)

    def _put(self, piece: Piece, stamp: int, producer: str, sequence: int) -> None:
        position = self.position + len(self._pending) + 1
        entry = Entry(position, piece.kind, stamp, producer, piece.payload)
        name = f"{self._session}-{next(self._numbers)}"
        self._pending.append(Message(name, encode(entry, sequence)))

    def commit(self) -> int:
        """Hand the group to the servers and return the last position that they have acknowledged.

        Raises
        ------
        LogFull
            Not all of it was taken. What was taken is known by the next commit, so the same entries may
            come again.
        """
        group, self._pending = self._pending, []
        if not group:
            return self.position
        try:
            if self._unsure:
                self._find_out()
            self._link.run(self._publish(group), COMMIT_SECONDS)
        except LogFull:
            self._sequences.drop()
            self._stamps.last, self._unsure = self.received, True
            raise
        self._sequences.keep()
        if self._begun:
            last = self._sequences.last
            self._begun = {name: item for name, item in self._begun.items() if item[0] > (last(name) or 0)}
        self.position, self.received = self.position + len(group), self._stamps.last
        self._save_now_and_then()
        return self.position

    def close(self) -> None:
        """End the connection; entries not committed are forgotten."""
        self._link.close()

    async def _publish(self, group: list[Message]) -> None:
        js, subject = await self._link.context(), self._link.stream.subject
        befores = ["", *(message.name for message in group)]
        sent = [
            js.publish(subject, message.data, COMMIT_SECONDS, headers=headers(message, position, before))
            for position, (message, before) in enumerate(zip(group, befores, strict=False), self.position)
        ]
        for answer in await asyncio.gather(*sent, return_exceptions=True):
            self._judge(answer)

    def _judge(self, answer: PubAck | BaseException) -> None:
        if isinstance(answer, APIError) and answer.err_code == NO_ROOM:
            name = self._link.stream.name
            raise LogFull(f"The stream {name} takes no more entries until its shard catches up.")
        if isinstance(answer, BaseException):
            raise LogAway(f"NATS at {self._link.places} refuses an entry: {answer}.")

    def _catch_up(self) -> None:
        """Learn what the stream holds behind the known position: numbers of producers, stamps, its size."""
        self._link.run(self._read_on(), CATCH_UP_SECONDS)

    def _find_out(self) -> None:
        """Learn what became of the last group; where any of it was taken, this one cannot follow."""
        if self._link.run(self._link.extent(), COMMIT_SECONDS).last != self.position:
            self._sequences.drop()
            self._catch_up()
            raise LogAway(f"NATS at {self._link.places} is back; send again what was not acknowledged.")
        self._unsure = False

    async def _read_on(self) -> None:
        extent = await self._link.extent()
        self.size, self.position = extent.size, max(self.position, extent.first - 1)
        if self.position >= extent.last:
            return
        async with aclosing(self._link.follow(self.position + 1)) as records:
            async for record in records:
                self._learn(record)
                if self.position >= extent.last:
                    return

    def _learn(self, record: Record) -> None:
        entry = record.entry
        if entry.producer != FOREIGN:
            self.received = max(self.received, entry.received)
            self._note(entry.producer, record.sequence)
        self.position = entry.position

    def _note(self, producer: str, sequence: int) -> None:
        """Note the number of an entry that is there, or of one of which a piece is."""
        if sequence & PART:
            number, there = self._begun.get(producer, (0, 0))
            part_of = sequence & ~PART
            self._begun[producer] = part_of, there + 1 if number == part_of else 1
        else:
            self._begun.pop(producer, None)
            self._sequences.note(producer, sequence)
            self._sequences.keep()

    def _save_now_and_then(self) -> None:
        if self.position >= self._saved + SAVE_EVERY:
            self._saved = self.position
            try:
                self._link.run(self._save(), COMMIT_SECONDS)
            except LogAway:  # a start reads more
                self._unsure = True

    async def _save(self) -> None:
        js = await self._link.context()
        self.size = (await self._link.extent()).size
        bucket = await js.create_key_value(bucket=f"{self._link.stream.name}-producers", history=1)
        await bucket.put(SIDECAR, self._sequences.dump(self.position, self.received))

    async def _load(self) -> None:
        js = await self._link.context()
        try:
            bucket = await js.key_value(f"{self._link.stream.name}-producers")
            saved = (await bucket.get(SIDECAR)).value or b""
        except (NotFoundError, KeyNotFoundError):
            return
        last = (await self._link.extent()).last
        position, _ = Sequences().read(saved)
        if position <= last:  # else it is of another stream that had the same name
            self.position, self.received = self._sequences.read(saved)
            self._saved = position


def headers(message: Message, after: int, before: str) -> dict[str, str]:
    """Return what makes a message land behind position ``after`` and the message ``before``, or nowhere."""
    told = {Header.EXPECTED_LAST_SEQUENCE.value: str(after), Header.MSG_ID.value: message.name}
    return told | ({Header.EXPECTED_LAST_MSG_ID.value: before} if before else {})
