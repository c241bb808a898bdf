"""``seamline log export``: readings of the log as Parquet, a file a day."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands import log
from cluster.terminal import Json, progress, screen

if TYPE_CHECKING:
    from streams.log.abc import LogView


@log.command("export")
def export_log(
    out: Annotated[Path, typer.Option(help="The folder for the files; made if it is not there.")],
    folder: Annotated[
        Path | None, typer.Argument(help="A shard's log; left out: of the plant that ran last.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="First receive time, like 2026-03-02 or 2026-03-02T06:00Z.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="End of the receive times; left out: the newest day's begin.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the readings of a log as Parquet, one file for each day; the plant may go on running."""
    from streams.log.export import export
    from streams.log.reader import FileLogReader

    span = moment("--from", since), moment("--to", until)
    with closing(FileLogReader(folder) if folder else log_of_last()) as view, progress("Exporting") as tell:
        first = view.first
        files = list(export(view, out, *span, lambda done: tell(done - first + 1, view.end - first + 1)))
    if as_json:
        print(json.dumps({"files": [{"file": str(file.place), "readings": file.rows} for file in files]}))
        return
    for file in files:
        screen.print(f"{file.place}: {file.rows:,} readings", highlight=False)
    if not files:
        screen.print("The log holds no readings of a whole day in this span; name an end with --to.")


def moment(option: str, text: str | None) -> int | None:
    """Return a time in microseconds UTC.

    Raises
    ------
    BadParameter
        It is none.
    """
    from streams.connectors.stamps import stamp

    if text is None:
        return None
    if (found := stamp(text)) is None:
        raise typer.BadParameter(f"{option} takes a time like 2026-03-02 or 2026-03-02T06:00:00Z.")
    return found


def log_of_last() -> LogView:
    """Return the log of the plant that the home ran last."""
    from engine.line_log import open_view
    from engine.paths import Home
    from engine.plant import load

    home = Home.default()
    return open_view(load(home.plant_file), home)
