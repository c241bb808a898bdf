"""An OPC UA server in the plant file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.plant.secrets import SecretSection
from engine.plant.section import Positive, Section
from engine.plant.sources.points import PointSection
from streams.connectors.addresses import OPCUA


def _server(endpoint: str) -> str:
    if not endpoint.startswith("opc.tcp://"):
        raise ValueError(f"{endpoint!r} is no OPC UA server; write it like opc.tcp://10.0.0.5:4840")
    if "@" in endpoint:
        raise ValueError("no user stands in an address; write user: and password: below it")
    return endpoint


Endpoint = Annotated[str, AfterValidator(_server)]


def _node(point: PointSection) -> PointSection:
    if not OPCUA.fullmatch(point.address):
        raise ValueError(f"{point.address!r} is no OPC UA address; write it like nsu=urn:press;s=Force")
    return point


class OpcUaSecurity(Section):
    """How an OPC UA server and we trust each other; certificates are PEM or DER."""

    policy: Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "Basic256Sha256"
    """The security policy; the server must offer it."""
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    """Whether messages are signed only, or nobody else can read them either."""
    certificate: Path
    """Our certificate, which the server's operator accepts."""
    key: Path
    """Its private key."""
    key_password: SecretSection | None = None
    """Where the key's password is kept, if it has one."""
    server_certificate: Path
    """The server's certificate; a server that shows another one is refused."""


class OpcUaSource(Section):
    """An OPC UA server: it tells us what changes."""

    kind: Literal["opcua"]
    """An OPC UA server: we connect to it, again and again."""
    name: str
    """Names the source in the log and in quarantine."""
    endpoint: Endpoint
    """Where the server listens."""
    security: OpcUaSecurity | None = None
    """How messages are secured; left out: not at all."""
    user: str = ""
    """Who we are to the server; left out: anybody."""
    password: SecretSection | None = None
    """Where the user's password is kept."""
    sampling_ms: Positive = 100
    """How often the server looks at each value, in milliseconds."""
    publishing_ms: Positive = 200
    """How often it tells what changed."""
    queue: Annotated[int, Field(ge=1, le=10_000)] = 100
    """How many changes of a value it keeps until it can tell them; beyond it loses the oldest and says so."""
    timeout_s: Positive = 5
    """How many seconds an answer may take."""
    points: list[Annotated[PointSection, AfterValidator(_node)]]
    """Its nodes, bound to tags."""

    @model_validator(mode="after")
    def _user_of_password(self) -> Self:
        if self.password and not self.user:
            raise ValueError("a password needs a user; write user: beside it")
        return self
