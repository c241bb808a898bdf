"""The demo as its user runs it: one command, real input, every process killed once, nothing left behind."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.demo import free_port
from cluster.testing import PATIENCE, Running, counts, running, title


def ended(plant: Running, output: str, errors: str) -> dict[str, Any]:
    """Return the counts with which a plant ended well."""
    assert plant.process.returncode == 0, errors
    return counts(output)


def sentence(plant: Running) -> str:
    """Return the one sentence with which a demo that cannot start ends."""
    _, errors = plant.process.communicate(timeout=PATIENCE)
    assert plant.process.returncode == 2
    assert "Traceback" not in errors
    return " ".join(errors.split())


@contextmanager
def demo(folder: Path, *arguments: str, shard: str) -> Iterator[Running]:
    """Run the demo until the block ends."""
    command = [sys.executable, "-m", "cluster.cli", "demo", "--no-browser", "--json", f"--port={free_port()}"]
    with running([*command, *arguments], folder, shard) as plant:
        yield plant


def test_a_simulated_plant_survives_the_death_of_each_process(database_folder: Callable[[], Path]) -> None:
    with demo(database_folder(), shard="demo") as plant:
        seen = plant.await_verdicts(beyond=0)
        for victim in (
            "engine.appender",
            "engine.gateway",
            "ray::StationActor",
            "ray::ShardActor",
            "postgres",
        ):
            plant.find(victim).kill()
            seen = plant.await_verdicts(beyond=seen)
        everyone = plant.processes()
        result = ended(plant, *plant.terminate())
    assert result["frames_unaccounted"] == 0
    assert result["verdicts"] >= seen
    assert result["windows"] > 0
    _, left = psutil.wait_procs(everyone, timeout=PATIENCE)
    assert [title(process) for process in left] == []


@pytest.mark.data
def test_recorded_data_end_as_rows(database_folder: Callable[[], Path]) -> None:
    data = os.environ.get("SEAMLINE_DATA")
    if data is None:
        pytest.skip("SEAMLINE_DATA names no folder with the real data")
    with demo(database_folder(), f"--data={data}", shard="replay") as plant:
        plant.await_verdicts(beyond=10)
        with demo(plant.home.root, shard="demo") as second:
            assert "Another plant runs in" in sentence(second)
        result = ended(plant, *plant.interrupt())
    assert result["frames_unaccounted"] == 0
    assert min(result[name] for name in ("verdicts", "windows", "states", "oee", "anomalies")) > 0


def test_a_data_folder_without_data_is_one_sentence(tmp_path: Path) -> None:
    with demo(tmp_path / "home", f"--data={tmp_path}", shard="replay") as plant:
        assert "give the folder that holds" in sentence(plant)


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(tmp_path, f"--port={port}", shard="demo") as plant:
            assert f"Port {port} on 127.0.0.1 is in use" in sentence(plant)
