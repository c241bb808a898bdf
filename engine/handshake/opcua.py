"""A PLC with an OPC UA server: its signals are nodes, read and written in one request each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError

from engine.handshake.abc import FLAGS, LAST, Flags, Signals, Told, flags_of, told_of
from streams.connectors.opcua_client import OpcUaError, Server, connected, sentence
from streams.connectors.opcua_nodes import node
from streams.connectors.polling import Lost, Refused
from streams.connectors.values import Value, spelt

T = TypeVar("T")
WHOLE = frozenset(
    getattr(ua.VariantType, name)
    for name in ("SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64")
)


class OpcUaPlc:
    """One session with a server; it lives in an event loop of its own, in a thread of its own.

    Parameters
    ----------
    asks, answers
        Addresses of the signals, by name.

    Raises
    ------
    Lost
        The server cannot be used.
    Refused
        It has no such nodes.
    """

    def __init__(self, server: Server, asks: Mapping[str, str], answers: Mapping[str, str]) -> None:
        self._server = server
        self._patience = 2 * server.timeout
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="plc opc ua", daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        try:
            self._client: Client = self._do(self._stack.enter_async_context(connected(server)))
            self._namespaces = self._do(self._client.get_namespace_array())
            self._flags = self._nodes({name: at for name, at in asks.items() if name in FLAGS})
            self._telling = self._nodes({name: at for name, at in asks.items() if name not in FLAGS})
            first = sorted(answers, key=lambda name: name in LAST)
            self._answers = self._nodes({name: answers[name] for name in first})
            self._types = self._do(self._read_types())
        except BaseException:
            self.close()
            raise

    def flags(self) -> Flags:
        """Read what the PLC says now."""
        return flags_of(self._read(self._flags))

    def told(self) -> Told:
        """Read what it says of the part that is there."""
        return told_of(self._read(self._telling))

    def write(self, signals: Signals) -> None:
        """Write our signals in one request; the answer is written last."""
        said = signals.values(set(self._answers))
        values = [_variant(said[name], self._types[name]) for name in self._answers]
        parameters = ua.WriteParameters(
            NodesToWrite=[
                ua.WriteValue(NodeId=at, AttributeId=AttributeIds.Value, Value=ua.DataValue(value))
                for at, value in zip(self._answers.values(), values, strict=True)
            ]
        )
        for name, status in zip(
            self._answers, self._do(self._client.uaclient.write(parameters)), strict=True
        ):
            if not status.is_good():
                raise Refused(f"{name} cannot be written ({status.name})")

    def close(self) -> None:
        """Give the session up."""
        with suppress(TimeoutError, OpcUaError):
            asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(self._patience)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._patience)
        if not self._thread.is_alive():
            self._loop.close()

    async def _leave(self) -> None:
        await self._stack.aclose()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _read(self, nodes: Mapping[str, ua.NodeId]) -> dict[str, Value]:
        if not nodes:
            return {}
        found = self._do(self._client.uaclient.read_attributes(list(nodes.values()), AttributeIds.Value))
        return {name: _value(name, data) for name, data in zip(nodes, found, strict=True)}

    async def _read_types(self) -> dict[str, ua.VariantType]:
        """Return what each answer is: a server takes no other type."""
        found = await self._client.uaclient.read_attributes(list(self._answers.values()), AttributeIds.Value)
        return {name: _type(name, data) for name, data in zip(self._answers, found, strict=True)}

    def _nodes(self, addresses: Mapping[str, str]) -> dict[str, ua.NodeId]:
        found = {name: node(address, self._namespaces) for name, address in addresses.items()}
        if missing := [addresses[name] for name, at in found.items() if at is None]:
            raise Refused(f"{missing[0]} is in no namespace of the server")
        return {name: at for name, at in found.items() if at is not None}

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop; what goes wrong there is `Lost`."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(self._patience)
        except OpcUaError as exc:
            raise Lost(str(exc).rstrip(".")) from exc
        except (TimeoutError, OSError, UaError) as exc:
            raise Lost(sentence(self._server, exc).rstrip(".")) from exc


def _status(name: str, data: ua.DataValue) -> None:
    if data.StatusCode is not None and data.StatusCode.is_bad():
        raise Refused(f"{name} cannot be read ({data.StatusCode.name})")


def _value(name: str, data: ua.DataValue) -> Value:
    _status(name, data)
    said = data.Value.Value if data.Value is not None else None
    if isinstance(said, bool | int | float):
        return float(said)
    return "" if said is None else str(said)


def _type(name: str, data: ua.DataValue) -> ua.VariantType:
    _status(name, data)
    if data.Value is None:
        raise Refused(f"{name} has no value, so nobody knows its type; give it one")
    found: ua.VariantType = data.Value.VariantType
    return found


def _variant(value: Value, kind: ua.VariantType) -> ua.Variant:
    """Return a value as the server's type has it."""
    if kind is ua.VariantType.Boolean:
        return ua.Variant(bool(value), kind)
    if kind is ua.VariantType.String:
        return ua.Variant(value if isinstance(value, str) else str(int(value)), kind)
    number = spelt(value)
    return ua.Variant(int(number) if kind in WHOLE else number, kind)
