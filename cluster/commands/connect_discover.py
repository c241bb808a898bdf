"""``seamline connect discover``: look at what devices offer, and write how it is bound to tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands import connect
from cluster.terminal import Json, screen

if TYPE_CHECKING:
    from engine.discover import Discovery


def kinds() -> list[str]:
    """Return the kinds of devices that can be looked at, for the shell to complete."""
    from engine import discover

    return discover.kinds()


@connect.command("discover")
def discover(
    kind: Annotated[
        str, typer.Argument(help="The source's kind, as in the plant file.", autocompletion=kinds)
    ],
    words: Annotated[
        list[str], typer.Argument(help="Its keys as in the plant file: endpoint=..., password.env=...")
    ],
    below: Annotated[str, typer.Option(help="Look only at what lies below this address.")] = "",
    patience: Annotated[float, typer.Option(help="Seconds that it may take.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Look at what a device offers, and print machines and source for a plant file, to be edited.

    Only looks: no value is written. A Sparkplug node is asked to tell its births again.
    """
    from datetime import UTC, datetime

    from engine.discover import described, fragment, write
    from engine.discover import discover as look

    source = described(kind, words)
    found = look(source, below, patience)
    if as_json:
        left = [{"address": address, "why": why} for address, why in found.left_out]
        print(json.dumps(fragment(source, found.found) | {"left_out": left}))
        return
    today = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    print(write(f"What a device of kind {kind} offered on {today} UTC.", source, found), end="")
    tell(found)


def tell(found: Discovery) -> None:
    """Say how much was found."""
    machines = len({one.machine for one in found.found})
    screen.print(
        f"{len(found.found)} values of {machines} machines, {len(found.left_out)} left out. "
        "Put it into a plant file, edit it, and try it with seamline plant check.",
        highlight=False,
    )
