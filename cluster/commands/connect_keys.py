"""``seamline connect keys``: a pair of keys for an endpoint or a sender that speaks CURVE."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import connect
from cluster.terminal import Json, screen


@connect.command("keys")
def keys(
    file: Annotated[Path, typer.Argument(help="Where the secret key is kept, mode 0600.")],
    show: Annotated[
        bool, typer.Option("--show", help="Tell the public key of a file that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a pair of keys: the secret one into a new file, the public one for the other end."""
    import zmq

    from streams.connectors.curve import read_secret, write_secret

    public = zmq.curve_public(read_secret(file)).decode() if show else write_secret(file)
    if as_json:
        print(json.dumps({"file": str(file), "public_key": public}))
        return
    print(public)
    screen.print(f"The secret key is in {file}; give the other end the public key above.", highlight=False)
