"""Does the same command give the same weights? It trains for minutes: ``make train-check``, never the suite.

Nothing stands for the trainer here. It needs the training environment, and renders its own pictures.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

import pytest

from cluster.training import ROOT, Training, find_python
from streams.testing import until
from vision import learned, training

GIVEN = ("--rendered=16", "--epochs=3")
WAIT = 300.0


def trained(runs: Path, name: str) -> Training:
    """Train to the end, as ``seamline train detector`` does."""
    task = Training(find_python(), runs, name, GIVEN)
    task.run(threading.Event(), lambda done: None)
    return task


def kill_in_its_second_epoch(runs: Path, name: str) -> None:
    """Begin a training and kill it as its first epoch is behind it: nothing of it runs after that."""
    command = [str(find_python()), "-m", "vision.training", "--runs", str(runs), "--name", name, *GIVEN]
    kept = runs / name / "weights" / "kept.pt"
    with (
        (runs / "killed.log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process,
    ):
        until(lambda: kept.is_file() or process.poll() is not None, WAIT)
        process.kill()
    assert process.returncode == -signal.SIGKILL, (runs / "killed.log").read_text()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first(runs: Path) -> Training:
    return trained(runs, "first")


def test_the_same_command_gives_the_same_weights(runs: Path, first: Training) -> None:
    assert first.epochs() == 3
    assert trained(runs, "second").weights() == first.weights() != ""


def test_a_training_that_was_killed_goes_on_from_its_last_whole_epoch(runs: Path, first: Training) -> None:
    kill_in_its_second_epoch(runs, "killed")
    task = Training(find_python(), runs, "killed", GIVEN)
    assert (task.epochs(), task.weights()) == (1, "")
    epochs: list[int] = []
    task.run(threading.Event(), epochs.append)
    assert (task.epochs(), len(task.weights())) == (3, len(first.weights()))
    assert min(epochs) == 1, "it began anew"
    assert training.read_learned(task.checkpoint) == training.read_learned(first.checkpoint)


def test_a_run_tells_the_pictures_that_the_trainer_was_shown(runs: Path, first: Training) -> None:
    shown = (runs / "first-data" / "images" / "train").iterdir()
    told = training.read_learned(first.checkpoint)
    assert told == learned.pack(learned.digest(file.read_bytes()) for file in shown)
