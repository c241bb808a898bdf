"""``seamline backup`` and ``seamline restore``: a plant in one folder or file, and back again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import app
from cluster.terminal import Json, screen


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="A new folder, or a new file that ends in .tar.")],
    evidence: Annotated[bool, typer.Option("--evidence", help="With every inspected picture.")] = False,
    as_json: Json = False,
) -> None:
    """Back up the plant, also while it runs: database, log, models, run numbers, plant file."""
    from engine.backup import back_up
    from engine.paths import Home
    from engine.store.database import open_database

    home = Home.default().create()
    with screen.status("Backing up"), open_database(home) as dsn:
        saved = back_up(home, dsn, target.absolute(), evidence)
    if as_json:
        print(json.dumps(saved.as_dict()))
    else:
        screen.print(
            f"{saved.rows:,} rows in {saved.files:,} files ({saved.bytes / 1e6:,.1f} MB): {saved.place}"
        )


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="What backup wrote, a folder or a .tar file.")],
    as_json: Json = False,
) -> None:
    """Restore a backup into an empty SEAMLINE_HOME; `run` then goes on where the backup was taken."""
    from engine import backup as backups
    from engine.paths import Home

    with screen.status("Checking and restoring"):
        restored = backups.restore(source.absolute(), Home.default())
    if as_json:
        print(json.dumps(restored.as_dict()))
        return
    screen.print(f"{restored.rows:,} rows of {restored.made[:19]} UTC are back in {restored.home}.")
    for place in restored.secrets_left_out:
        screen.print(f"Enter the secret at {place} in {restored.plant} again: backups hold none.")
    if restored.plant:
        screen.print(f"Go on with: seamline run {restored.plant}")
