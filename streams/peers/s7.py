"""A real S7 server (python-snap7's) with data blocks that a test sets."""

from __future__ import annotations

from typing import Self

from snap7 import Server
from snap7.type import SrvArea

from streams.peers.ports import free_port


class S7Peer:
    """A server as long as the block lasts; it can be stopped and started anew.

    Parameters
    ----------
    blocks
        The bytes of each data block; a test changes them where they are.
    """

    def __init__(self, blocks: dict[int, bytearray], markers: bytearray | None = None) -> None:
        self.port = free_port()
        self.blocks, self.markers = blocks, markers or bytearray(64)
        self.server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen."""
        self.server = Server(log=False)
        self.server.host = "127.0.0.1"
        for number, block in self.blocks.items():
            self.server.register_area(SrvArea.DB, number, block)
        self.server.register_area(SrvArea.MK, 0, self.markers)
        self.server.start(self.port)

    def stop(self) -> None:
        """Go away."""
        if self.server is not None:
            self.server.stop()
            self.server = None
