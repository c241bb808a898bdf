"""A real OPC UA server with variables that a test sets, and certificates for both sides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from asyncua import Server, ua
from asyncua.crypto import cert_gen
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.user_managers import UserManager
from cryptography.x509.oid import ExtendedKeyUsageOID

from streams.peers.ports import free_port

NAMESPACE = "urn:seamline:press"
HOST = "127.0.0.1"
PATIENCE = 120.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate (DER) and its key (PEM)."""

    certificate: Path
    key: Path


def identity(folder: Path, name: str) -> Identity:
    """Make a self-signed certificate; its application is ``urn:NAME``."""
    made = Identity(folder / f"{name}.der", folder / f"{name}.pem")
    use = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    asyncio.run(
        cert_gen.setup_self_signed_certificate(made.key, made.certificate, f"urn:{name}", HOST, use, {})
    )
    return made


class Doorman(UserManager):
    """Let in one user with a password, or anybody when there is none."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password

    def get_user(
        self,
        iserver: Any,
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,
    ) -> User | None:
        """Return the user, None when it may not come in."""
        return (
            User(role=UserRole.User)
            if (username or "", password or "") == (self._user, self._password)
            else None
        )


class OpcUaPeer:
    """A server in a thread of its own, as long as the block lasts; it can be stopped and started anew.

    Parameters
    ----------
    policies
        What it offers; it then needs an identity.
    trusted
        A folder of certificates (DER) of clients that may connect; None: any may.
    """

    def __init__(
        self,
        policies: Sequence[ua.SecurityPolicyType] = (ua.SecurityPolicyType.NoSecurity,),
        identity: Identity | None = None,
        user: str = "",
        password: str = "",
        trusted: Path | None = None,
    ) -> None:
        self.port = free_port()
        self.endpoint = f"opc.tcp://{HOST}:{self.port}/press"
        self._policies, self._identity, self._trusted = policies, identity, trusted
        self._doorman = Doorman(user, password)
        self._values: dict[str, ua.DataValue] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opc ua server")
        self.server: Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Begin to listen, with all variables that were set before."""
        self.do(self._start())

    def stop(self) -> None:
        """Go away."""
        if self.server is not None:
            self.do(self.server.stop())
            self.server = None

    def set(self, name: str, value: Any, **said: Any) -> None:
        """Set a variable, which is made if need be; ``said`` goes into its ``DataValue``."""
        written = value if isinstance(value, ua.Variant) else ua.Variant(value)
        self._values[name] = ua.DataValue(written, **said)
        self.do(self._write(name))

    def get(self, name: str) -> Any:
        """Return a variable's value as it is now, whoever wrote it."""
        assert self.server is not None
        return self.do(self.server.get_node(self._id(name)).read_value())

    def writable(self, names: Sequence[str]) -> None:
        """Let clients write variables."""
        assert self.server is not None
        for name in names:
            self.do(self.server.get_node(self._id(name)).set_writable())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the server's loop and return what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _end(self) -> None:
        """Cancel what the server left running."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _start(self) -> None:
        server = Server(user_manager=self._doorman)
        await server.init()
        server.set_endpoint(self.endpoint)
        server.set_security_policy(list(self._policies))
        if self._identity:
            await server.load_certificate(self._identity.certificate)
            await server.load_private_key(self._identity.key)
        if self._trusted:
            store = TrustStore([self._trusted], [])
            await store.load()
            options = CertificateValidatorOptions.TRUSTED
            server.set_certificate_validator(CertificateValidator(options, store))
        self.namespace = await server.register_namespace(NAMESPACE)
        self.server = server
        for name in self._values:
            await self._write(name)
        await server.start()

    def _id(self, name: str) -> ua.NodeId:
        return ua.NodeId.from_string(f"ns={self.namespace};s={name}")

    async def _write(self, name: str) -> None:
        assert self.server is not None
        node = self.server.get_node(self._id(name))
        try:
            await node.read_browse_name()
        except ua.UaStatusCodeError:
            node = await self._make(name)
        await node.write_value(self._values[name])

    async def _make(self, name: str) -> Any:
        """Make a variable in a folder for each part of its name but the last."""
        assert self.server is not None
        place = self.server.nodes.objects
        *folders, last = name.split(".")
        for depth, folder in enumerate(folders, 1):
            place = await self._folder(place, ".".join(folders[:depth]), folder)
        variant = self._values[name].Value
        return await place.add_variable(self._id(name), ua.QualifiedName(last, self.namespace), variant)

    async def _folder(self, place: Any, path: str, name: str) -> Any:
        assert self.server is not None
        node = self.server.get_node(self._id(path))
        try:
            await node.read_browse_name()
        except ua.UaStatusCodeError:
            return await place.add_object(self._id(path), ua.QualifiedName(name, self.namespace))
        return node
