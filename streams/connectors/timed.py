"""Sockets whose answers must be whole by a time: patience that drops one by one do not renew."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOMENT = 0.001
CHUNK = 1024


class TimedSocket(socket.socket):
    """A socket whose answers must be whole by a time, however slowly they trickle."""

    _due = 0.0
    heard = False
    """Whether anything came since the answer's time was given."""

    @classmethod
    def of(cls, plain: socket.socket) -> TimedSocket:
        """Take over a connected socket."""
        taken = cls(plain.family, plain.type, plain.proto, plain.detach())
        taken.settimeout(plain.gettimeout())
        return taken

    def give(self, seconds: float) -> None:
        """Say that the answer must be there so many seconds from now on."""
        self._due, self.heard = time.monotonic() + seconds, False

    def recv(self, buflen: int = CHUNK, flags: int = 0) -> bytes:
        """Return what comes until then; raises TimeoutError when nothing does."""
        self._hurry()
        told = super().recv(buflen, flags)
        self.heard = True
        return told

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Put into a buffer what comes until then; return its bytes. Raises TimeoutError as well."""
        self._hurry()
        told = super().recv_into(buffer, nbytes or 0, flags)
        self.heard = True
        return told

    def _hurry(self) -> None:
        left = self._due - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(max(left, MOMENT))


class TimedTls(TimedSocket, ssl.SSLSocket):
    """The same over TLS; what a context with it as its ``sslsocket_class`` makes."""
