"""Encrypted connections: whom we trust and who we are."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any


class TlsError(Exception):
    """Files of TLS cannot be used; the message says which and why."""


class Context(ssl.SSLContext):
    """A context that can close what it made: paho leaves a socket open whose handshake failed."""

    made: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Remember the socket."""
        self.made = super().wrap_socket(*args, **kwargs)
        return self.made


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a connection that is encrypted; without a ``ca`` the system's authorities are trusted."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def context(self) -> Context:
        """Return what checks the broker and proves who we are.

        Raises
        ------
        TlsError
            A file is none of what it should be.
        """
        try:
            context = Context(ssl.PROTOCOL_TLS_CLIENT)
            if self.ca:
                context.load_verify_locations(self.ca)
            else:
                context.load_default_certs()
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as exc:
            named = ", ".join(name for name in (self.ca, self.certificate, self.key) if name)
            raise TlsError(f"The files of TLS ({named}) cannot be used: {exc}.") from exc
        return context
