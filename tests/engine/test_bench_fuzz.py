"""The fuzzing harness finds what fails, keeps it, and says how much it tried."""

import json
import subprocess
import sys

import pytest

from bench import fuzz
from bench.fuzz.cases import Cases
from bench.fuzz.targets import TARGETS, Target
from bench.fuzz.tried import keep


def fragile(data):
    if data.startswith(b"boom"):
        raise IndexError("beyond the end")
    if data.startswith(b"no"):
        raise ValueError("refused")


def test_a_crash_is_counted_once_for_its_place_and_kept(tmp_path):
    cases = Cases(Target(fragile, (), (ValueError,)), 100, tmp_path)
    for data in (b"fine", b"no", b"boom", b"boom again"):
        cases(data)
    figures = cases.figures
    assert (figures.cases, figures.crashes, figures.hangs) == (4, 1, 0)
    ((place, found),) = figures.found.items()
    assert place.startswith("IndexError at test_bench_fuzz.py:")
    assert "beyond the end" in found
    assert [path.read_bytes() for path in (tmp_path / "failed").iterdir()] == [b"boom"]


def test_it_ends_when_its_time_is_up_though_cases_are_left(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr("bench.fuzz.cases.os._exit", ended.append)
    Cases(Target(fragile, ()), 100, tmp_path, seconds=60.0)(b"fine")
    assert not ended
    Cases(Target(fragile, ()), 100, tmp_path, seconds=-1.0)(b"fine")
    assert ended == [0]
    assert json.loads((tmp_path / "figures.json").read_text())["cases"] == 1


def test_a_case_that_takes_too_long_is_a_hang(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.fuzz.cases.HANG_SECONDS", -1.0)
    cases = Cases(Target(fragile, ()), 100, tmp_path)
    cases(b"slow")
    assert cases.figures.hangs == 1


@pytest.mark.timeout(120)
def test_a_decoder_is_fuzzed_in_a_process_of_its_own(tmp_path):
    figures = fuzz.fuzz("wire", TARGETS["wire"].examples, 2000, 1, tmp_path)
    assert figures["found"] == {}
    assert (figures["cases"], figures["crashes"], figures["hangs"]) == (2000, 0, 0)
    assert figures["peak_mb"] > 10


def test_a_case_without_an_end_ends_its_process_by_cpu_time_and_is_kept(tmp_path):
    script = (
        "import pathlib, sys\n"
        "from bench.fuzz import cases\n"
        "from bench.fuzz.targets import Target\n"
        "cases.DEAD_SECONDS = 0.1\n"
        "cases.Cases(Target(lambda data: sum(iter(int, 1)), ()), 1, pathlib.Path(sys.argv[1]))(b'for ever')"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode
    assert fuzz.ENDS[ended] == "hangs"
    keep(tmp_path, tmp_path / "failed")
    assert (tmp_path / "failed" / "last").read_bytes() == b"for ever"


def test_a_process_that_dies_is_a_crash(tmp_path):
    figures = fuzz.fuzz("no such target", (b"x",), 10, 1, tmp_path)
    assert figures["crashes"] == 1
    assert "KeyError" in next(iter(figures["found"].values()))
