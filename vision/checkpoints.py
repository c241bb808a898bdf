"""A run's checkpoint: whole whatever kills the trainer, one trainer's at a time, known by its weights."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEPT = "kept.pt"
"""The last checkpoint that is surely whole, beside the one that the trainer writes over each epoch."""


class RunTakenError(Exception):
    """Another process trains this run."""


@contextmanager
def hold(run: Path) -> Iterator[None]:
    """Keep others from training a run; whoever dies lets it go.

    Raises
    ------
    RunTakenError
        Another process holds it.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise RunTakenError(
                f"{run.name} is being trained already; wait for it, or name another run."
            ) from exc
        yield


def keep(last: Path) -> None:
    """Put aside a checkpoint that the trainer has just written: it writes the next over it, not at once."""
    draft = last.with_name(f"{KEPT}.draft")
    shutil.copyfile(last, draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(last.with_name(KEPT))


def take_up(last: Path) -> bool:
    """Put the kept checkpoint in place of one that may be cut off; return whether there is any."""
    kept = last.with_name(KEPT)
    if kept.exists():
        shutil.copyfile(kept, last)
    return last.exists()


def let_go(last: Path) -> None:
    """Remove what was kept of a run that has come to its end."""
    last.with_name(KEPT).unlink(missing_ok=True)


def epochs_behind(checkpoint: Path) -> int:
    """Return how many epochs a checkpoint has behind it; 0 where it cannot be gone on from."""
    return int(_load(checkpoint)["epoch"]) + 1


def fingerprint(checkpoint: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights alone: its file holds dates and paths as well."""
    held = _load(checkpoint)
    weights = (held.get("ema") or held["model"]).state_dict()
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].cpu().numpy().tobytes())
    return digest.hexdigest()


def _load(checkpoint: Path) -> dict[str, Any]:
    import torch

    held: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=False)
    return held
