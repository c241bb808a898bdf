"""``seamline models key``, ``enrol``, ``retire``: who may answer for a model, and by which key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands.models import models
from cluster.terminal import Json, screen

if TYPE_CHECKING:
    from engine.approvals.deeds import Person
    from engine.approvals.entry import Entry

PASSPHRASE = "SEAMLINE_PASSPHRASE"
"""The variable that holds a key's passphrase where nobody can be asked."""

By = Annotated[str, typer.Option("--by", help="Your name; your key signs.")]
Key = Annotated[Path | None, typer.Option("--key", help="The file of your key, if it is elsewhere.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the record.")]


def person(name: str, file: Path | None) -> Person:
    """Return a person with the key that proves it; asks for the passphrase of a locked one."""
    from engine.approvals import keys
    from engine.approvals.deeds import Person

    place = file or keys.place(name)
    secret = os.environ.get(PASSPHRASE, "")
    if keys.locked(place) and not secret:
        secret = typer.prompt(f"Passphrase of {place}", hide_input=True, err=True)
    return Person(name, keys.read(place, secret))


def told(entry: Entry, as_json: bool, sentence: str) -> None:
    """Say what was written."""
    if as_json:
        print(json.dumps(entry.plain()))
    else:
        screen.print(sentence, highlight=False, soft_wrap=True, markup=False)


@models.command()
def key(
    name: Annotated[str, typer.Argument(help="The person's name, as it shall stand under signatures.")],
    by: Annotated[str, typer.Option("--by", help="Who is enrolled already and lets the person in.")] = "",
    by_key: Annotated[Path | None, typer.Option("--by-key", help="The file of that one's key.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Where the key is kept.")] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase and lock the key.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a person's key; the first person of a home is enrolled with it, each other by --by."""
    from engine.approvals import keys
    from engine.approvals.deeds import Person, enrol
    from engine.approvals.ledger import Approvals
    from engine.paths import Home

    home, place = Home.default().create(), file or keys.place(name)
    asked = passphrase and typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    known = Approvals.read(home).people
    leader = person(by, by_key) if by else None
    made = Person(name, keys.make(place, asked or ""))
    public = keys.public_of(made.key)
    if leader or not known:
        enrol(home, leader or made, name, public)
    if as_json:
        print(json.dumps({"name": name, "public_key": public, "file": str(place)}))
        return
    screen.print(f"The key of {name} is in {place}: keep it as you keep your seal.", soft_wrap=True)
    if known and not leader:
        screen.print(f"One of {', '.join(known)} enrols it: seamline models enrol {name!r} {public} --by ...")


@models.command()
def enrol(
    name: Annotated[str, typer.Argument(help="Who may sign from now on.")],
    public: Annotated[str, typer.Argument(help="The person's public key, as seamline models key says it.")],
    by: By,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Let a person whose key was made elsewhere sign here."""
    from engine.approvals.deeds import enrol as write
    from engine.paths import Home

    entry = write(Home.default().create(), person(by, key), name, public)
    told(entry, as_json, f"{name} may sign.")


@models.command()
def retire(
    name: Annotated[str, typer.Argument(help="Who signs nothing any more.")],
    by: By,
    reason: Reason = "",
    key: Key = None,
    as_json: Json = False,
) -> None:
    """End that a person may sign; what was signed stays signed."""
    from engine.approvals.deeds import retire as write
    from engine.paths import Home

    told(write(Home.default(), person(by, key), name, reason), as_json, f"{name} may sign no more.")
