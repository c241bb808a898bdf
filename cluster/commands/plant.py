"""``seamline plant``: check a plant file, and what editors need to help writing one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import app
from cluster.terminal import Json, refuse, screen

plant = typer.Typer(no_args_is_help=True, help="Check a plant file, or help an editor to.")
app.add_typer(plant, name="plant")


@plant.command()
def check(
    file: Annotated[Path, typer.Argument(help="The plant file (YAML).")], as_json: Json = False
) -> None:
    """Say everything that is wrong in a plant file, with line, column and mend."""
    from engine.paths import Home
    from engine.plant import PlantError, load
    from engine.recipe import check as check_recipes
    from engine.recipe_versions import altered_in
    from engine.vocabulary import faults

    try:
        found = load(file)
        check_recipes(found)
        home = Home.default()
        if told := [*altered_in(found, home), *faults(found, home)]:
            raise PlantError("\n".join(told))
    except PlantError as exc:
        if not exc.faults:
            raise
        if as_json:
            print(json.dumps({"ok": False, "faults": [fault._asdict() for fault in exc.faults]}))
        else:
            refuse(exc)
        raise typer.Exit(1) from exc
    if as_json:
        print(json.dumps({"ok": True, "faults": []}))
    else:
        counted = (
            f"{len(found.machines)} machines, {len(found.sources)} sources, {len(found.stations)} stations"
        )
        screen.print(f"{file} is a plant file: {counted}.", highlight=False)


@plant.command()
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of the plant file, for editors; --json: on one line."""
    from engine.plant.schema import schema as describe

    print(json.dumps(describe(), indent=None if as_json else 2, ensure_ascii=False))
