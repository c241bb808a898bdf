"""A checkpoint outlives whatever kills its trainer, and one process trains a run."""

import os
import signal
import subprocess
import sys

import pytest

from vision import checkpoints

HOLDER = """
import sys, pathlib
from vision import checkpoints
with checkpoints.hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_checkpoint_that_is_cut_off_costs_one_epoch(tmp_path):
    last = tmp_path / "last.pt"
    assert not checkpoints.take_up(last)
    last.write_bytes(b"epoch 1")
    checkpoints.keep(last)
    last.write_bytes(b"epo")  # killed while it wrote the second
    assert checkpoints.take_up(last)
    assert last.read_bytes() == b"epoch 1"


def test_a_copy_that_is_cut_off_is_never_taken(tmp_path):
    last = tmp_path / "last.pt"
    last.write_bytes(b"epoch 1")
    last.with_name(f"{checkpoints.KEPT}.draft").write_bytes(b"ep")
    assert checkpoints.take_up(last)
    assert last.read_bytes() == b"epoch 1"


def test_nothing_is_kept_of_a_run_at_its_end(tmp_path):
    last = tmp_path / "last.pt"
    last.write_bytes(b"1")
    checkpoints.keep(last)
    checkpoints.let_go(last)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt"]


def test_a_run_is_trained_by_one_process_and_free_when_that_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        taken = pytest.raises(checkpoints.RunTakenError, match="run is being trained already")
        with taken, checkpoints.hold(tmp_path / "run"):
            pass
        os.kill(holder.pid, signal.SIGKILL)
    with checkpoints.hold(tmp_path / "run"):
        pass
