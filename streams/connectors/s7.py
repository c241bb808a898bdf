"""Read and write a Siemens S7 controller: bytes of its data blocks and memories, through python-snap7."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import TypeVar

from snap7 import Client
from snap7.connection import ISOTCPConnection
from snap7.error import S7Error, S7ProtocolError
from snap7.type import Area

from streams.connectors.blocks import Block
from streams.connectors.polling import Lost, Refused
from streams.connectors.timed import TimedSocket

AREAS = {"M": Area.MK, "I": Area.PE, "Q": Area.PA}
NOT_GIVEN = ("Read operation failed: ", "Write operation failed: ", "Write operation failed with ")
"""How the library begins what a controller answers for a piece that it does not give, or take."""
CLOSED = ("(0x03)", "class=0x81", "class=0x85")
"""What it answers, among other reasons, when reading from outside is not permitted in its settings."""
T = TypeVar("T")

logging.getLogger("snap7").setLevel(logging.CRITICAL)  # the connector says it, once and in one sentence


class _Connection(ISOTCPConnection):
    def _tcp_connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = TimedSocket.of(plain)
        self.begin()

    def begin(self) -> None:
        """Say that the answer must be there within the timeout from now on."""
        if isinstance(self.socket, TimedSocket):
            self.socket.give(self.timeout)


class S7Link:
    """One connection to a controller; an answer that is late is taken for a lost connection.

    Parameters
    ----------
    rack, slot
        Where its CPU is: 0 and 1 for S7-1200 and S7-1500, 0 and 2 for S7-300.
    timeout
        Seconds for connecting, and for an answer to be there.

    Raises
    ------
    Lost
        Nobody answers, or not as a controller would.
    """

    def __init__(self, host: str, port: int, rack: int, slot: int, timeout: float) -> None:
        self._timeout = timeout
        self._client = Client()
        station = self._client.connection_type << 8 | rack << 5 | slot
        self._connection = _Connection(host, port, self._client.local_tsap, station)
        self._client.connection = self._connection
        try:
            self._connection.connect(timeout)
            self._client._setup_communication()
        except (S7Error, ValueError) as exc:
            self.close()
            raise self._lost(exc) from exc

    def read(self, block: Block) -> bytes:
        """Return the bytes of a block.

        Raises
        ------
        Refused
            The controller does not give it.
        Lost
            It did not answer in time, or not what was asked.
        """
        return self._ask(lambda: bytes(self._client.read_area(*_area(block), block.first, block.count)))

    def write(self, block: Block, content: bytes) -> None:
        """Write the bytes of a block.

        Raises
        ------
        Refused
            The controller does not take it.
        Lost
            It did not answer in time, or not what was asked.
        """
        self._ask(lambda: self._client.write_area(*_area(block), block.first, bytearray(content)))

    def _ask(self, question: Callable[[], T]) -> T:
        self._connection.begin()
        try:
            return question()
        except S7ProtocolError as exc:
            for said in NOT_GIVEN:
                if str(exc).startswith(said):
                    raise Refused(_hint(str(exc).removeprefix(said))) from exc
            raise self._lost(exc) from exc
        except (S7Error, ValueError) as exc:
            raise self._lost(exc) from exc

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()
        self._client.connection = None

    def _lost(self, exc: Exception) -> Lost:
        """Say why the connection is of no use any more."""
        cause = exc.__context__
        if isinstance(cause, TimeoutError):
            return Lost(f"no answer within {self._timeout:g} s")
        if isinstance(cause, OSError) and cause.strerror:
            return Lost(cause.strerror)
        return Lost(_hint(str(exc)))


def _area(block: Block) -> tuple[Area, int]:
    """Return the library's name of a block's memory, and the number of a data block."""
    return AREAS.get(block.area, Area.DB), int(block.area[2:]) if block.area.startswith("DB") else 0


def _hint(reason: str) -> str:
    return (
        f"{reason}; is PUT/GET permitted in its settings?"
        if any(sign in reason for sign in CLOSED)
        else reason
    )
