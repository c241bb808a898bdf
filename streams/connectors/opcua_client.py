"""Reach an OPC UA server: secured, for what it is, within limits; what goes wrong is one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.shortcuts import Shortcuts
from asyncua.crypto import security_policies, uacrypto
from asyncua.crypto.uacrypto import CertProperties
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from streams.connectors.opcua_wire import MESSAGE_BYTES, BoundedTransport

APPLICATION = "urn:seamline:gateway"
SESSION_MS = 60_000
CHANNEL_MS = 3_600_000
SHOWN = 16

OFFENDED_BY_USER = ("BadUserAccessDenied", "BadIdentityTokenRejected", "BadIdentityTokenInvalid")
OFFENDED_BY_CERTIFICATE = ("BadCertificate", "BadSecurityChecksFailed", "BadApplicationSignatureInvalid")

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)  # what matters of it is told in `trouble`


class OpcUaError(Exception):
    """The server cannot be used; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Security:
    """How messages are secured, and by which certificates (PEM or DER)."""

    policy: str
    """Basic256Sha256, Aes128Sha256RsaOaep or Aes256Sha256RsaPss."""
    mode: str
    """Sign or SignAndEncrypt."""
    certificate: Path
    key: Path
    server_certificate: Path
    """The one certificate that the server may show."""
    key_password: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and who we are to it."""

    endpoint: str
    security: Security | None = None
    user: str = ""
    password: Callable[[], str] | None = None
    timeout: float = 5.0
    """Seconds that an answer may take."""

    def __str__(self) -> str:
        """Return what sentences call it."""
        return f"The OPC UA server at {self.endpoint}"


@contextlib.asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Client]:
    """Be connected to a server as long as the block lasts.

    Raises
    ------
    OpcUaError
        It cannot be reached, is not the one that was pinned, or does not want us; also in the block, when
        it does not answer what it is asked there.
    """
    client = BoundedClient(server)
    try:
        await _connect(client, server)
        yield client
    except (TimeoutError, OSError, UaError, uacrypto.InvalidSignature) as exc:
        raise OpcUaError(sentence(server, exc)) from exc
    finally:
        await _leave(client, server.timeout)


async def _connect(client: BoundedClient, server: Server) -> None:
    try:
        await _secure(client, server)
        await client.connect()
    except OpcUaError:
        raise
    except Exception as exc:  # answers that make no sense come as any
        raise OpcUaError(sentence(server, exc)) from exc


class BoundedClient(Client):
    """A client that gives no password away and takes no more than it can hold."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.endpoint, server.timeout, watchdog_intervall=server.timeout)
        self.uaclient = BoundedTransport(server.timeout)
        self.uaclient.pre_request_hook = self.check_connection
        self.nodes = Shortcuts(self.uaclient.session)
        self.name = self.description = "Seamline"
        self.application_uri = APPLICATION
        self.session_timeout, self.secure_channel_timeout = SESSION_MS, CHANNEL_MS
        self.max_messagesize = MESSAGE_BYTES
        if server.user:
            self.set_user(server.user)
            self.set_password(server.password() if server.password else "")

    def server_policy(self, token_type: ua.UserTokenType) -> ua.UserTokenPolicy:
        """Return how the server wants to be told who we are; a password is never told in the open."""
        policy = super().server_policy(token_type)
        is_open = policy.SecurityPolicyUri in {None, "", security_policies.SecurityPolicyNone.URI}
        encrypted = self.security_policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
        if token_type == ua.UserTokenType.UserName and is_open and not encrypted:
            raise UaError("would take the password in the open; name a security policy")
        return policy


async def _secure(client: BoundedClient, server: Server) -> None:
    if (security := server.security) is None:
        return
    own, key = _file(security.certificate), _file(security.key)
    pinned = _file(security.server_certificate)
    password = security.key_password() if security.key_password else None
    policy = getattr(security_policies, f"SecurityPolicy{security.policy}")
    mode = ua.MessageSecurityMode[security.mode]
    try:
        client.application_uri = _uri(_certificate(own)) or APPLICATION
        pin = _certificate(pinned).public_bytes(Encoding.DER)
        _check(
            server, await BoundedClient(_open(server)).connect_and_get_server_endpoints(), policy, mode, pin
        )
        await client.set_security(
            policy,
            CertProperties(own, _form(own)),
            CertProperties(key, _form(key), password),
            server_certificate=CertProperties(pin, "der"),
            mode=mode,
        )
    except (ValueError, TypeError) as exc:
        raise OpcUaError(f"The certificates or the key for {server.endpoint} cannot be used: {exc}.") from exc


def _open(server: Server) -> Server:
    """Return the server as it is asked what it offers: by nobody, unsecured."""
    return Server(server.endpoint, timeout=server.timeout)


def _check(server: Server, offered: list[Any], policy: Any, mode: ua.MessageSecurityMode, pin: bytes) -> None:
    """Refuse a server that does not offer the security, or shows another certificate than the pinned one."""
    fitting = [one for one in offered if (one.SecurityPolicyUri, one.SecurityMode) == (policy.URI, mode)]
    if not fitting:
        raise OpcUaError(f"{server} does not offer that security; it offers {', '.join(_offers(offered))}.")
    shown = fitting[0].ServerCertificate or b""
    if not shown.startswith(pin):
        raise OpcUaError(
            f"{server} shows another certificate than the pinned one: SHA-256 {fingerprint(shown)}, "
            f"pinned {fingerprint(pin)}; is it the right server?"
        )


def _offers(offered: Iterable[Any]) -> list[str]:
    """Return policy and mode of endpoints, in words."""
    told = {f"{one.SecurityPolicyUri.rpartition('#')[2]} {one.SecurityMode.name}" for one in offered}
    return sorted(word.replace("None None_", "no security") for word in told)


async def shown(server: Server) -> tuple[bytes, list[str]]:
    """Return the certificate that a server shows (DER), and the security that it offers.

    Nothing vouches for it: a person compares it with the server's own word.

    Raises
    ------
    OpcUaError
        It does not answer, or shows none.
    """
    try:
        offered = await BoundedClient(_open(server)).connect_and_get_server_endpoints()
        found = [_first(one.ServerCertificate) for one in offered if one.ServerCertificate]
    except Exception as exc:  # answers that make no sense come as any
        raise OpcUaError(sentence(server, exc)) from exc
    if not found:
        raise OpcUaError(f"{server} shows no certificate; it offers {', '.join(_offers(offered))}.")
    return found[0], _offers(offered)


def _first(chain: bytes) -> bytes:
    """Return the first certificate of a chain: its bytes are counted in its head."""
    size = int.from_bytes(chain[2:4], "big") + 4
    return x509.load_der_x509_certificate(chain[:size]).public_bytes(Encoding.DER)


def fingerprint(certificate: bytes) -> str:
    """Return the beginning of a certificate's SHA-256."""
    return hashlib.sha256(certificate).hexdigest()[:SHOWN]


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise OpcUaError(f"The file {path} cannot be read: {exc.strerror}.") from exc


def _form(content: bytes) -> str:
    """Return whether the bytes of a certificate or key are PEM or DER."""
    return "pem" if b"-----BEGIN" in content else "der"


def _certificate(content: bytes) -> x509.Certificate:
    is_pem = _form(content) == "pem"
    return x509.load_pem_x509_certificate(content) if is_pem else x509.load_der_x509_certificate(content)


def _uri(certificate: x509.Certificate) -> str:
    """Return the application's name in a certificate, which servers compare with what the client says."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), "")


def sentence(server: Server, exc: Exception) -> str:
    """Say in one sentence what went wrong with a server."""
    match exc:
        case TimeoutError():
            return f"{server} does not answer within {server.timeout:g} s."
        case UaStatusCodeError():
            return f"{server} {_status(server, ua.StatusCode(exc.code))}."
        case OSError():
            return f"{server} does not answer: {os.strerror(exc.errno) if exc.errno else exc}."
        case uacrypto.InvalidSignature():
            return f"{server} cannot prove that the certificate is its own."
    return f"{server} cannot be used: {exc or type(exc).__name__}."


def _status(server: Server, status: ua.StatusCode) -> str:
    name = status.name
    if name in OFFENDED_BY_USER:
        who = f"user {server.user}" if server.user else "anonymous users"
        return f"does not let in {who} ({name})"
    if name.startswith(OFFENDED_BY_CERTIFICATE) and server.security:
        return f"does not trust {server.security.certificate} ({name}); let its operator accept it"
    return f"refuses: {status.doc.rstrip('.')} ({name})"


async def _leave(client: Client, timeout: float) -> None:
    """Say goodbye, if the server still listens."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client.disconnect(), timeout)
    client.disconnect_socket()
