"""A ZeroMQ endpoint in the plant file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from engine.plant.section import Section
from streams.connectors.curve import KEY


def _key(text: str) -> str:
    if not KEY.fullmatch(text):
        raise ValueError("a public key is 40 letters, as seamline connect keys prints it")
    return text


PublicKey = Annotated[str, AfterValidator(_key), Field(json_schema_extra={"pattern": f"^{KEY.pattern}$"})]


class CurveSection(Section):
    """CURVE: only known keys come in, and everything is encrypted."""

    secret_key: Path
    """The file of our secret key, mode 0600; seamline connect keys makes one."""
    clients: dict[str, PublicKey]
    """Who may come in: a name of yours for each, and its public key."""


class ZmqSource(Section):
    """A ZeroMQ endpoint that takes Arrow batches and JSON lines of readings."""

    kind: Literal["zeromq"]
    """Senders connect to us; each reading names its machine and tag."""
    name: str
    """Names the source in the log and in quarantine."""
    endpoint: str
    """Where we listen."""
    curve: CurveSection | None = None
    """Who may come in; left out: everybody who reaches the endpoint."""
