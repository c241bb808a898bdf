"""Addresses of OPC UA (`streams.connectors.addresses`) and nodes of a server. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua
from asyncua.ua.uaerrors import UaError

from streams.connectors.addresses import OPCUA


def node(address: str, namespaces: Sequence[str]) -> ua.NodeId | None:
    """Return the node of an address, None when the server has no such namespace or it is no address.

    >>> node("nsu=urn:press;s=Force", ["http://opcfoundation.org/UA/", "urn:press"]).to_string()
    'ns=1;s=Force'
    """
    if not (written := OPCUA.fullmatch(address)):
        return None
    index = int(written["index"] or 0)
    if written["uri"]:
        if written["uri"] not in namespaces:
            return None
        index = namespaces.index(written["uri"])
    try:
        return ua.NodeId.from_string(f"ns={index};{written['id']}")
    except (UaError, ValueError):
        return None


def address(node: ua.NodeId, namespaces: Sequence[str]) -> str:
    """Return how to write the address of a node, by its namespace's name where it has a plain one.

    >>> address(ua.NodeId("Force", 1), ["http://opcfoundation.org/UA/", "urn:press"])
    'nsu=urn:press;s=Force'
    """
    text: str = node.to_string()
    index = node.NamespaceIndex
    if not index or index >= len(namespaces) or not namespaces[index] or ";" in namespaces[index]:
        return text
    return f"nsu={namespaces[index]};{text.partition(';')[2]}"
