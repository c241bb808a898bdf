"""``seamline migrate``: the database's tables as this version wants them."""

from __future__ import annotations

import json

from cluster.commands import app
from cluster.terminal import Json, screen


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database's tables to this version."""
    from engine.paths import Home
    from engine.store.database import open_database
    from engine.store.migrations import migrate as apply

    with open_database(Home.default().create()) as dsn:
        level = apply(dsn)
    if as_json:
        print(json.dumps({"level": level}))
    else:
        screen.print(f"The database ({level}) is up to date.")
