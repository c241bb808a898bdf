"""The commands, one module each: to add one, add a module that registers it on `app` or on a group here."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import typer

app = typer.Typer(
    add_completion=True, no_args_is_help=True, help="Seamline: every weld, every machine, one truth."
)
train = typer.Typer(no_args_is_help=True, help="Learn a model from pictures.")
connect = typer.Typer(no_args_is_help=True, help="Connect machines and senders.")
log = typer.Typer(no_args_is_help=True, help="The durable log.")
evaluate = typer.Typer(no_args_is_help=True, help="Measure how right a model or a whole plant is.")

for name, group in {"connect": connect, "log": log, "train": train, "evaluate": evaluate}.items():
    app.add_typer(group, name=name)


def load() -> typer.Typer:
    """Import every module of this package, so that its commands are there, and return the application."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return app
