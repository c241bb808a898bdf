"""Start a training where its libraries are, follow it, and stop it so that it can go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster.children import end_with_me

ROOT = Path(__file__).parents[1]
"""Where the packages lie: the training finds ``vision`` there."""
VARIABLE = "SEAMLINE_TRAIN_ENV"
FOLDER = ".venv-train"
LOOK_SECONDS = 1.0
STOP_SECONDS = 20.0


class TrainingError(Exception):
    """A training cannot begin, or did not end well; the message says what to do."""


class ProcessDied(TrainingError):
    """A process had no last words: it crashed, or somebody ended it."""


class TrainingStopped(TrainingError):
    """Somebody stopped it; the same command goes on where it stopped."""


def find_python(asked: Path | None = None) -> Path:
    """Return the Python of the training environment: of ``asked``, of the variable, or of the project.

    Raises
    ------
    TrainingError
        There is none.
    """
    named = asked or Path(os.environ.get(VARIABLE) or ROOT / FOLDER)
    python = named.absolute() / "bin" / "python"
    if not python.is_file():
        raise TrainingError(
            f"There is no training environment in {named}; make it with `make train-env`,"
            f" or name another in {VARIABLE}."
        )
    return python


class Training:
    """One run of ``vision.training`` in a process of its own; what it prints is kept in its folder.

    Parameters
    ----------
    arguments
        Those of ``python -m vision.training`` besides the run's place.
    """

    def __init__(self, python: Path, runs: Path, name: str, arguments: Sequence[str]) -> None:
        self.folder = runs.absolute() / name
        self.checkpoint = self.folder / "weights" / "last.pt"
        self._log = self.folder / "training.log"
        place = ["--runs", str(runs.absolute()), "--name", name]
        self._command = [*end_with_me(), str(python), "-m", "vision.training", *place, *arguments]

    def epochs(self) -> int:
        """Return how many epochs are behind it: an epoch that was cut off and done again counts once."""
        results = self.folder / "results.csv"
        lines = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
        last = lines[-1].partition(",")[0].strip() if lines else ""
        return int(last) if last.isdigit() else 0

    def weights(self) -> str:
        """Return the SHA-256 of the weights that it ended with, empty before its end."""
        finished = self.folder / "finished"
        return finished.read_text(encoding="utf-8") if finished.is_file() else ""

    def notes(self) -> dict[str, list[str]]:
        """Return what was odd about the pictures that it learned from: what, and where."""
        file = self.folder.with_name(f"{self.folder.name}-data") / "notes.json"
        noted: dict[str, list[str]] = json.loads(file.read_bytes()) if file.is_file() else {}
        return noted

    def run(self, stop: threading.Event, tell: Callable[[int], None]) -> Path:
        """Train to the end, or until told to stop; return the checkpoint.

        Raises
        ------
        TrainingStopped
            It was told to.
        TrainingError
            It failed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while process.poll() is None:
            tell(self.epochs())
            if stop.wait(LOOK_SECONDS):
                end(process)
                raise TrainingStopped(
                    f"Stopped after {self.epochs()} epochs; the same command goes on from there."
                )
        if process.returncode or not self.checkpoint.is_file():
            raise TrainingError(f"The training failed: {self._last_words()}; {self._log} tells all of it.")
        return self.checkpoint

    def _last_words(self) -> str:
        return last_words(self._log.read_text(encoding="utf-8", errors="replace"))


def run_module(python: Path, module: str, arguments: Sequence[str]) -> None:
    """Run a module where its libraries are, to its end.

    Raises
    ------
    TrainingError
        It failed; the message is its last words.
    ProcessDied
        It was ended by a signal.
    """
    ended = subprocess.run(
        [*end_with_me(), str(python), "-m", module, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode < 0:
        raise ProcessDied(f"{module} was ended by {signal.Signals(-ended.returncode).name}.")
    if ended.returncode:
        raise TrainingError(last_words(ended.stderr))


def last_words(said: str) -> str:
    """Return the last line that somebody said."""
    return next((line.strip() for line in reversed(said.split("\n")) if line.strip()), "it said nothing")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
