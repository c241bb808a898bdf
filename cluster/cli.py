"""The command line ``seamline``: its commands are the modules of `cluster.commands`."""

from __future__ import annotations

import json
import sys
from typing import NoReturn

import typer

from cluster.commands import load
from cluster.terminal import refuse


def main() -> NoReturn:
    """Run the command line; errors that a person can mend are one sentence, also for machines."""
    app, for_machines = load(), "--json" in sys.argv
    try:
        code = app(standalone_mode=not for_machines)
    except Exception as exc:
        if not isinstance(exc, (USAGE, *mendable())):
            raise
        said: str = getattr(exc, "format_message", exc.__str__)()
        if for_machines:
            print(json.dumps({"error": said}))
        refuse(said)
        raise SystemExit(2) from exc
    raise SystemExit(code or 0)


USAGE = typer.BadParameter.__base__ or Exception
"""Words on the command line that no command takes, as Typer raises it where it does not draw a box."""


def mendable() -> tuple[type[Exception], ...]:
    """Return the errors whose message says what to do; imported late, for commands must start quickly."""
    from cluster.training import TrainingError
    from engine.approvals.errors import ApprovalError
    from engine.backup import BackupError
    from engine.discover.abc import DiscoverError
    from engine.identity.book import BookError
    from engine.paths import HomeError
    from engine.plant import PlantError
    from engine.plant.secrets import SecretError
    from engine.review import ReviewError
    from engine.store.errors import StoreError
    from engine.survey.abc import SurveyError
    from streams.connectors.curve import KeyFileError
    from streams.log.errors import LogError
    from vision.dataset import DatasetError
    from vision.registry import ModelError

    ours = ApprovalError, PlantError, HomeError, StoreError, LogError, ModelError
    more = BackupError, DatasetError, DiscoverError, KeyFileError, SecretError, SurveyError, TrainingError
    return *ours, *more, ReviewError, BookError


if __name__ == "__main__":
    main()
