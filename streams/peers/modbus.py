"""A real Modbus TCP server (pymodbus') with holding registers that a test sets."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Self, cast

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from streams.peers.ports import free_port

PATIENCE = 30.0


class ModbusPeer:
    """A server as long as the block lasts; stopped and started anew it has its registers as they were.

    Parameters
    ----------
    count
        How many holding registers there are, from 0.
    """

    def __init__(self, count: int) -> None:
        self.port = free_port()
        self.registers = [0] * count
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen."""
        there = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(there)), name="modbus server")
        self._thread.start()
        assert there.wait(PATIENCE)

    def stop(self) -> None:
        """Go away."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._enough.set)
            self._thread.join(PATIENCE)
            self._thread = None

    async def _serve(self, there: threading.Event) -> None:
        self._loop, self._enough = asyncio.get_running_loop(), asyncio.Event()
        memory = SimData(0, values=cast(Any, self.registers), datatype=DataType.REGISTERS)
        bit = SimData(0, values=[False], datatype=DataType.BITS)
        device = SimDevice(1, simdata=([bit], [bit], [memory], [memory]))
        server = ModbusTcpServer([device], address=("127.0.0.1", self.port))
        core: Any = server.context
        leave: Any = server.shutdown
        self.registers = core.devices[1].block["h"][2]
        await server.serve_forever(background=True)
        there.set()
        await self._enough.wait()
        await leave()
