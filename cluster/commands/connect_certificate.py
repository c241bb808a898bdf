"""``seamline connect certificate``: what an OPC UA server shows, to be compared and pinned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import connect
from cluster.terminal import Json, screen


@connect.command("certificate")
def certificate(
    endpoint: Annotated[str, typer.Argument(help="The server: opc.tcp://HOST:PORT.")],
    file: Annotated[Path, typer.Argument(help="A new file for it (DER), to be named server_certificate.")],
    as_json: Json = False,
) -> None:
    """Keep the certificate that an OPC UA server shows, and say what to compare before it is trusted."""
    import asyncio
    import hashlib

    from engine.discover.abc import DiscoverError
    from streams.connectors.opcua_client import OpcUaError, Server, shown

    try:
        found, offers = asyncio.run(shown(Server(endpoint)))
        with file.open("xb") as new:
            new.write(found)
    except OpcUaError as exc:
        raise DiscoverError(str(exc)) from exc
    except OSError as exc:
        raise DiscoverError(f"The file {file} cannot be made: {exc.strerror}; name another.") from exc
    fingerprint = hashlib.sha256(found).hexdigest()
    if as_json:
        print(json.dumps({"file": str(file), "sha256": fingerprint, "offers": offers}))
        return
    screen.print(f"{endpoint} offers {', '.join(offers)}.", highlight=False, soft_wrap=True)
    screen.print(f"Its certificate is in {file}, SHA-256 {fingerprint}.", highlight=False, soft_wrap=True)
    screen.print("Compare it with what the server itself shows; only then name it as server_certificate.")
