"""``seamline rework``: let a serial be inspected once more, and who did."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands import app
from cluster.terminal import Json, screen

if TYPE_CHECKING:
    from engine.identity.book import Book, Order


@app.command()
def rework(
    station: Annotated[str, typer.Option(help="The station that has inspected it.")],
    serial: Annotated[str, typer.Argument(help="The part; left out: all open orders are told.")] = "",
    by: Annotated[str, typer.Option(help="Who opens the order.")] = "",
    reason: Annotated[str, typer.Option(help="Why the part may be inspected again.")] = "",
    as_json: Json = False,
) -> None:
    """Open a rework order: a serial may be inspected once more. Without --by it only tells."""
    from engine.identity.book import Book, BookError
    from engine.paths import Home

    home = Home.default()
    if not Book.of(home.stations, station).is_file():
        raise BookError(f"Station {station} has inspected no serials in {home.root}; name another --station.")
    if (by or reason) and not serial:
        raise BookError("A rework order is for one serial; write it behind rework.")
    with closing(Book(home.stations, station)) as book:
        opened = book.open_order(serial, by, reason) if by or reason else None
        orders = book.orders(serial, only_open=not serial)
        if as_json:
            told = {"serial": serial, "attempts": book.attempts(serial), "opened": opened is not None}
            print(json.dumps(told | {"orders": [order.as_dict() for order in orders]}))
        else:
            show(book, serial, opened, orders)


def show(book: Book, serial: str, opened: Order | None, orders: list[Order]) -> None:
    """Print what was opened, and what orders there are."""
    from rich.markup import escape
    from rich.table import Table

    if opened:
        screen.print(
            f"Serial {serial} may be inspected once more, as attempt {book.attempts(serial) + 1}.",
            markup=False,
        )
        return
    table = Table("serial", "opened by", "at", "why", "attempt", box=None, header_style="dim")
    for order in orders:
        attempt = "open" if order.attempt is None else str(order.attempt)
        table.add_row(
            escape(order.serial), escape(order.by), at(order.opened_us), escape(order.reason), attempt
        )
    if orders:
        screen.print(table)
    counted = f"Serial {serial} was inspected {book.attempts(serial)} times. " if serial else ""
    screen.print(f"{counted}{len(orders)} rework orders{'' if serial else ' are open'}.", markup=False)


def at(us: int) -> str:
    """Return a time as people here read it."""
    from datetime import datetime

    return datetime.fromtimestamp(us / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S")
