"""``seamline station``: whether a station may judge, its master parts, and a bypass by name and time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.commands import app
from cluster.terminal import Json, screen

if TYPE_CHECKING:
    from engine.release import State

station = typer.Typer(no_args_is_help=True, help="Release a station, or let parts by uninspected.")
app.add_typer(station, name="station")

DONE = {
    "blocked": "Its master parts are asked for again.",
    "bypassed": "The bypass began.",
    "ended": "The bypass ended.",
    "nothing": "No bypass held, so none was ended.",
}
"""What a station did about an order, in words."""

Name = Annotated[str, typer.Argument(help="The station's name.")]
Person = Annotated[str, typer.Option("--by", help="Who says so.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]


@station.command()
def release(
    name: Name,
    block: Annotated[bool, typer.Option("--block", help="Ask for its master parts again.")] = False,
    by: Person = "",
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Say whether a station is released, and why not; --block: its master parts must be shown again."""
    from engine.release import orders
    from engine.release.files import Order

    asked, done = orders.find(name), ""
    if block:
        orders.require_masters(asked)
        done = orders.order(asked, Order("block", *orders.named(by, reason)))
    show(orders.state(asked), as_json, done)


@station.command()
def masters(name: Name, as_json: Json = False) -> None:
    """List the master parts of a station's recipes, and which of them passed since it was blocked."""
    from engine.release import orders

    found = orders.masters(orders.find(name))
    if as_json:
        print(json.dumps(found))
        return
    from rich.table import Table

    table = Table(
        "recipe", "part number", "master part", "expected", "for", "seen", box=None, header_style="dim"
    )
    for row in found:
        seen = "as expected" if row["seen"] else ""
        table.add_row(row["recipe"], row["part_number"], row["serial"], row["expect"], row["finds"], seen)
    screen.print(table if found else f"{name} has no master parts: it judges without a release.")


@station.command()
def bypass(
    name: Name,
    by: Person = "",
    minutes: Annotated[float, typer.Option("--minutes", help="For how long.", min=0, max=24 * 60)] = 0.0,
    reason: Reason = "",
    end: Annotated[bool, typer.Option("--end", help="End the bypass that holds now.")] = False,
    as_json: Json = False,
) -> None:
    """Let parts by without inspecting them, until the minutes are over; they are logged as not inspected."""
    from engine.plant import PlantError
    from engine.release import orders
    from engine.release.files import Order

    asked = orders.find(name)
    if not end and not minutes:
        raise PlantError("A bypass ends: say --minutes.")
    what = "end_bypass" if end else "bypass"
    done = orders.order(asked, Order(what, *orders.named(by, reason), minutes))
    show(orders.state(asked), as_json, done)


def show(found: State, as_json: bool, done: str = "") -> None:
    """Print how a station is, and what it did about an order."""
    facts = plain(found) | ({"done": done} if done else {})
    if as_json:
        print(json.dumps(facts))
        return
    if done:
        screen.print(DONE[done], highlight=False, markup=False)
    words = "released" if found.released else f"blocked: {found.cause}"
    screen.print(f"{found.station} is {words}.", highlight=False, markup=False)
    if bypass := facts["bypass"]:
        until = f"until {bypass['until']}, {bypass['reason']}"
        screen.print(f"Bypassed by {bypass['person']} {until}: parts are not inspected.", markup=False)


def plain(found: State) -> dict[str, Any]:
    """Return what a machine is told of a station's release."""
    from engine.release.orders import moment

    bypass = found.bypass and {
        "person": found.bypass.person,
        "reason": found.bypass.reason,
        "until": moment(found.bypass.until),
    }
    number = found.basis.part_number if found.basis else ""
    passed = found.passed_at(number)
    return {
        "station": found.station,
        "released": found.released,
        "cause": found.cause,
        "part_number": number if found.basis else None,
        "passed_at": moment(passed) if passed else None,
        "seen": list(found.seen),
        "bypass": bypass,
    }
