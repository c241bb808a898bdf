"""Browse an OPC UA server: every value that can be read, by the folders in which it lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.ua_utils import data_type_to_variant_type
from asyncua.ua.uaerrors import UaError

from engine.discover.abc import DiscoverError, Discovery, Found
from engine.plant import OpcUaSource
from engine.plant.secrets import SecretError
from engine.sources.opcua import server
from streams.connectors.opcua_client import OpcUaError, connected
from streams.connectors.opcua_nodes import address, node

MOST = 10_000
"""Values that are looked at; more are for a person to narrow down."""
DEEPEST = 20
TOGETHER = 200
"""Nodes in one request, requests under way at once."""
READABLE = 1
BOOLEAN, DOUBLE = 1, 11
"""The built-in types between which all others are numbers."""
OBJECTS = "i=85"
HAS_PROPERTY = ua.NodeId.from_string("i=46")
UNITS = "EngineeringUnits"
WORDS = {ua.VariantType.String, ua.VariantType.LocalizedText, ua.VariantType.DateTime, ua.VariantType.Guid}
NUMBERS = {kind for kind in ua.VariantType if BOOLEAN <= kind.value <= DOUBLE}
ASKED = (ua.AttributeIds.DataType, ua.AttributeIds.ValueRank, ua.AttributeIds.UserAccessLevel)


class Variable(NamedTuple):
    """A node, and the names on the way to it, its own the last."""

    node: ua.NodeId
    path: tuple[str, ...]


def look(source: OpcUaSource, below: str, patience: float) -> Discovery:
    """Return what the server lets us read.

    Raises
    ------
    DiscoverError
        It cannot be asked, or takes longer than ``patience`` seconds.
    """
    try:
        return asyncio.run(_within(source, below, patience))
    except TimeoutError as exc:
        raise DiscoverError(
            f"{source.endpoint} has more to tell than {patience:g} s allow; name --below or more --patience."
        ) from exc
    except (OpcUaError, SecretError) as exc:
        raise DiscoverError(str(exc)) from exc


async def _within(source: OpcUaSource, below: str, patience: float) -> Discovery:
    looking = asyncio.create_task(_look(source, below))
    # Not ``wait_for``: the client may swallow its cancellation, and the walk would go on.
    if not (await asyncio.wait({looking}, timeout=patience))[0]:
        raise TimeoutError
    return looking.result()


async def _look(source: OpcUaSource, below: str) -> Discovery:
    async with connected(server(source)) as client:
        namespaces = await client.get_namespace_array()
        start = node(below or OBJECTS, namespaces)
        if start is None:
            raise DiscoverError(f"{below!r} is no address on this server; write it like ns=2;s=Press.")
        named = (str((await client.get_node(start).read_browse_name()).Name),) if below else ()
        return await Survey(client, namespaces, source.name).of(Variable(start, named))


@dataclass(slots=True)
class Survey:
    """One walk through a server's folders."""

    client: Client
    namespaces: Sequence[str]
    lone: str
    """The machine of what lies in no folder."""
    _units: dict[ua.NodeId, ua.NodeId] = field(default_factory=dict)
    """Of a variable: the node that tells its unit."""
    _types: dict[ua.NodeId, ua.VariantType | None] = field(default_factory=dict)

    async def of(self, start: Variable) -> Discovery:
        """Return what lies below a node: the first name on the way is the machine, the others are the tag."""
        variables = [one async for one in self._walk(start)]
        left = [(self._address(one), f"more than {MOST}") for one in variables[MOST:]]
        found = []
        for chunk in chunks(variables[:MOST]):
            for one, said in await self._attributes(chunk):
                kind, why = await self._judge(*said)
                if why:
                    left.append((self._address(one), why))
                else:
                    found.append(await self._found(one, kind))
        return Discovery(tuple(found), tuple(left))

    async def _found(self, one: Variable, kind: ua.VariantType | None) -> Found:
        machine, *tag = one.path if len(one.path) > 1 else (self.lone, *one.path)
        return Found(self._address(one), machine, ".".join(tag), kind not in WORDS, await self._unit(one))

    def _address(self, one: Variable) -> str:
        return address(one.node, self.namespaces)

    async def _walk(self, start: Variable) -> AsyncIterator[Variable]:
        """Yield the variables below a node, breadth first; a node is entered once."""
        level, seen = [start], {start.node}
        for _ in range(DEEPEST):
            below = []
            for chunk in chunks(level):
                told = await asyncio.gather(*(self._children(parent.node) for parent in chunk))
                for parent, children in zip(chunk, told, strict=True):
                    for child in self._wanted(parent, children, seen):
                        one = Variable(child.NodeId, (*parent.path, str(child.BrowseName.Name)))
                        below.append(one)
                        if child.NodeClass == ua.NodeClass.Variable:
                            yield one
            level = below

    def _wanted(
        self, parent: Variable, children: Iterable[ua.ReferenceDescription], seen: set[ua.NodeId]
    ) -> Iterator[ua.ReferenceDescription]:
        """Yield the children to enter: not the server's own nodes, nor what only describes a value."""
        for child in children:
            if child.ReferenceTypeId == HAS_PROPERTY:
                if child.BrowseName.Name == UNITS:
                    self._units[parent.node] = child.NodeId
            elif child.NodeId.NamespaceIndex and child.NodeId not in seen:
                seen.add(child.NodeId)
                yield child

    async def _children(self, parent: ua.NodeId) -> list[ua.ReferenceDescription]:
        try:
            return await self.client.get_node(parent).get_children_descriptions()
        except UaError:
            return []

    async def _attributes(self, chunk: Sequence[Variable]) -> Iterator[tuple[Variable, Any]]:
        """Return data type, rank and access of variables."""
        wanted = [ua.ReadValueId(NodeId=one.node, AttributeId=which) for one in chunk for which in ASKED]
        told = await self.client.uaclient.read(ua.ReadParameters(NodesToRead=wanted))
        said = [value.Value.Value if value.Value is not None else None for value in told]
        return zip(chunk, batched(said, len(ASKED)), strict=True)

    async def _judge(self, kind: Any, rank: Any, access: Any) -> tuple[ua.VariantType | None, str]:
        """Return the type that values have, and why they can be no tag, if it cannot."""
        if not isinstance(kind, ua.NodeId) or not (access or 0) & READABLE:
            return None, "not readable"
        if rank is not None and rank >= 0:
            return None, "an array"
        found = await self._type(kind)
        return found, "" if found in NUMBERS | WORDS else "no number, no text"

    async def _type(self, kind: ua.NodeId) -> ua.VariantType | None:
        """Return the built-in type of which a data type is one."""
        if kind not in self._types:
            try:
                self._types[kind] = await data_type_to_variant_type(self.client.get_node(kind))
            except (UaError, ValueError):
                self._types[kind] = None
        return self._types[kind]

    async def _unit(self, one: Variable) -> str:
        if one.node not in self._units:
            return ""
        try:
            told = await self.client.get_node(self._units[one.node]).read_value()
        except UaError:
            return ""
        return str(getattr(getattr(told, "DisplayName", None), "Text", None) or "")


def chunks(items: Sequence[Variable]) -> Iterator[Sequence[Variable]]:
    """Cut a sequence into requests."""
    return (items[place : place + TOGETHER] for place in range(0, len(items), TOGETHER))


def batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Cut a sequence into pieces of a size."""
    return (items[place : place + size] for place in range(0, len(items), size))
