"""The benchmark of the windows must keep its promise: the same answers, and many times faster."""

import subprocess
import sys
from pathlib import Path

import pytest

import kernels

ROOT = Path(__file__).parents[2]
pytest.importorskip("polars", reason="the peers of the extra `bench` are not installed")


def test_the_running_flow_is_fifty_times_stock_bytewax():
    from bench import sensors

    promised = {"c": 50, "python": 2}[kernels.IMPL]
    figures = sensors.run(seconds=6, seconds_stock=1, repeat=2)
    assert figures["vs_bytewax"] >= promised
    assert figures["readings"] == 6 * 200_000


def test_kernels_are_measured_against_their_twins():
    from bench import kernels as measured

    assert set(measured.WORK) == set(kernels._select.NAMES)


def test_a_benchmark_that_is_not_there_is_answered_with_those_that_are():
    command = [sys.executable, "-m", "bench", "nothing"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 2
    assert "kernels" in run.stderr
    assert "sensors" in run.stderr
