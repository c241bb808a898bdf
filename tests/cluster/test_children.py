from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cluster.children import Child

LIVES = "import signal, sys\nprint('ready', flush=True)\nsignal.pause()\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\n" + (
    "while True: signal.pause()\n"
)


def child(folder: Path, script: str) -> Child:
    (folder / "played.py").write_text(script)
    return Child("played", ["played"], folder / "played.log", {"PYTHONPATH": str(folder)})


def wait_until_ready(child: Child, times: int = 1) -> None:
    while not child.log_file.exists() or child.log_file.read_bytes().count(b"ready") < times:
        assert child.process is not None
        assert child.process.poll() is None


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    played = child(tmp_path, LIVES)
    played.start()
    wait_until_ready(played)
    assert played.process is not None
    first = played.process.pid
    os.kill(first, signal.SIGKILL)
    played.process.wait()
    while played.restarts == 0:
        played.watch()
    wait_until_ready(played, times=2)
    assert played.process.pid != first
    played.stop()
    assert played.process is None


def test_a_healthy_process_is_left_alone(tmp_path: Path) -> None:
    played = child(tmp_path, LIVES)
    played.start()
    wait_until_ready(played)
    played.watch()
    assert played.restarts == 0
    played.stop()


def test_a_process_that_will_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.children.STOP_SECONDS", 0.2)
    played = child(tmp_path, STUBBORN)
    played.start()
    wait_until_ready(played)
    process = played.process
    assert process is not None
    played.stop()
    assert process.returncode == -signal.SIGKILL


def test_stopping_what_never_ran_is_nothing(tmp_path: Path) -> None:
    child(tmp_path, LIVES).stop()
