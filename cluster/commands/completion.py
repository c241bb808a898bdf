"""``seamline completion``: the shell completes commands, options and names."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands import app
from cluster.terminal import Json, screen

VARIABLE = "_SEAMLINE_COMPLETE"
"""By which the script asks the command line for words."""


class Shell(StrEnum):
    """Shells that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"
    PWSH = "pwsh"


@app.command()
def completion(
    shell: Annotated[Shell | None, typer.Argument(help="Which shell; left out: the one of $SHELL.")] = None,
    install: Annotated[bool, typer.Option("--install", help="Write it where the shell finds it.")] = False,
    as_json: Json = False,
) -> None:
    """Print the script by which a shell completes seamline's words, or install it."""
    from typer import completion as typers

    chosen = shell or own_shell()
    if install:
        _, path = typers.install(  # type: ignore[attr-defined]
            shell=chosen, prog_name="seamline"
        )
        told = {"installed": str(path)}
    else:
        told = {
            "script": typers.get_completion_script(  # type: ignore[attr-defined]
                prog_name="seamline", complete_var=VARIABLE, shell=chosen
            )
        }
    if as_json:
        print(json.dumps({"shell": chosen, **told}))
    elif install:
        screen.print(f"Written to {path}; start a new {chosen} to use it.", highlight=False, soft_wrap=True)
    else:
        print(told["script"])


def own_shell() -> Shell:
    """Return the user's own shell."""
    name = Path(os.environ.get("SHELL", "")).name
    if name not in list(Shell):
        raise typer.BadParameter(f"name the shell: {', '.join(Shell)}.")
    return Shell(name)
