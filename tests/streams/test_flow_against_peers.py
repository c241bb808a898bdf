"""The benchmarks run, and what they compare gives the same answers; how fast is for them to say."""

import subprocess
import sys
from pathlib import Path

import pytest

import kernels

ROOT = Path(__file__).parents[2]
pytest.importorskip("polars", reason="the peers of the extra `bench` are not installed")


def test_flow_bytewax_and_polars_give_the_same_windows():
    from bench import sensors

    figures = sensors.run(seconds=3, seconds_stock=1, repeat=1, seconds_chain=6)
    assert figures["readings"] == 3 * 200_000
    assert figures["windows"] == 3 * 2_000
    assert figures["chain_readings_per_s"] > 0
    assert min(figures["chain_rows"][table] for table in ("windows", "states", "oee")) > 0


def test_a_reading_is_as_old_as_its_commit_is_late():
    from bench import latency

    figures = latency.run("20000", seconds=7)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"] < 60_000


def test_the_memory_of_a_large_line_is_that_of_its_own_process():
    from bench import memory

    figures = memory.run("4")
    assert figures["rows"] >= 4 * figures["tags"]
    assert 0 < figures["pss_median_gb"] <= figures["pss_gb"]


def test_lines_are_decoded_as_a_plain_loop_does():
    from bench import decode

    figures = decode.run()
    assert figures["shdr_vs_python"] > 0
    assert figures["json_vs_python"] > 0


def test_kernels_are_measured_against_their_twins():
    from bench import kernels as measured

    assert set(measured.WORK) == set(kernels._select.NAMES)


def test_a_benchmark_that_is_not_there_is_answered_with_those_that_are():
    command = [sys.executable, "-m", "bench", "nothing"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 2
    assert "kernels" in run.stderr
    assert "sensors" in run.stderr
