"""The command line ``seamline``: its commands are the modules of `cluster.commands`."""

from __future__ import annotations

import json
import sys

from cluster.commands import load
from cluster.terminal import refuse


def main() -> None:
    """Run the command line; errors that a person can mend are one sentence."""
    app = load()
    try:
        app()
    except Exception as exc:
        if not isinstance(exc, mendable()):
            raise
        if "--json" in sys.argv:
            print(json.dumps({"error": str(exc)}))
        refuse(exc)
        raise SystemExit(2) from exc


def mendable() -> tuple[type[Exception], ...]:
    """Return the errors whose message says what to do; imported late, for commands must start quickly."""
    from cluster.training import TrainingError
    from engine.backup import BackupError
    from engine.paths import HomeError
    from engine.plant import PlantError
    from engine.store.errors import StoreError
    from engine.survey.abc import SurveyError
    from streams.log.errors import LogError
    from vision.dataset import DatasetError
    from vision.registry import ModelError

    ours = PlantError, HomeError, StoreError, LogError, ModelError
    return *ours, BackupError, DatasetError, TrainingError, SurveyError


if __name__ == "__main__":
    main()
