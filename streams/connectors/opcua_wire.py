"""What an OPC UA server may send at most: a hostile one must not take the gateway's memory or time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.client.ua_client import UaClient, UASocketProtocol
from asyncua.common.connection import TransportLimits
from asyncua.ua import ua_binary
from asyncua.ua.uaerrors import UaError

CHUNK = 65_535
MESSAGE_BYTES = 1 << 20
"""The largest message that is taken; what it could hold must fit in memory, too."""
LENGTH_BYTES = 4


@dataclass
class Limits(TransportLimits):
    """Limits that a server's greeting may lower, never lift."""

    max_chunk_count: int = MESSAGE_BYTES // CHUNK + 1
    max_message_size: int = MESSAGE_BYTES

    def update_client_limits(self, msg: ua.Acknowledge) -> None:
        """Take over what the server can send and receive, as far as we can."""
        self.max_recv_buffer = min(msg.ReceiveBufferSize or CHUNK, CHUNK)
        self.max_send_buffer = min(msg.SendBufferSize or CHUNK, CHUNK)


class BoundedTransport(UaClient):
    """A transport that takes messages up to `MESSAGE_BYTES`."""

    def _make_protocol(self) -> UASocketProtocol:
        self.protocol = _Wire(self._timeout, self.security_policy, Limits())
        self.protocol.pre_request_hook = self.pre_request_hook
        self.protocol.on_connection_lost = self._on_transport_lost
        self.protocol.is_session_closing = self._is_session_closing
        return self.protocol


class _Wire(UASocketProtocol):
    """A connection that ends when the server sends a chunk without an end."""

    def data_received(self, data: bytes) -> None:
        if len(self.receive_buffer or b"") > MESSAGE_BYTES:
            self.disconnect_socket()
        else:
            super().data_received(data)


def bounded_array(vtype: ua.VariantType, data: Any, unpack: Any = ua_binary.unpack_uatype_array) -> Any:
    """Read an array, unless it says to be longer than its message.

    The library builds an array of two billion nulls from the ten bytes that announce it.
    """
    length = ua_binary.Primitives.Int32.unpack(data.copy())
    if length > len(data) - LENGTH_BYTES:
        raise UaError(f"an array of {length} items does not fit in its message")
    return unpack(vtype, data)


def bounded_bytes(data: Any) -> bytes | None:
    """Read bytes behind their length; a negative one would lead the library backwards, again and again."""
    length: int = ua_binary.Primitives.Int32.unpack(data)
    if length < -1:
        raise UaError(f"{length} is no length")
    return None if length == -1 else data.read(length)


ua_binary.unpack_uatype_array = bounded_array
ua_binary._Bytes.unpack = staticmethod(bounded_bytes)  # type: ignore[method-assign]
