"""CURVE keys in the plant file: our own stands in a file, those of others are public and stand here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


class CurveClientSection(Section):
    """CURVE at the end that connects."""

    secret_key: Path
    """The file of our secret key, mode 0600; seamline connect keys makes one."""
    server: PublicKey
    """The public key of the other end."""
