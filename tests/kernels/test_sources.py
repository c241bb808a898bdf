"""Kernels that were compiled from other sources than those beside them are refused, whatever times tell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kernels import _sources

CHECKOUT = Path(_sources.FOLDER).parent


@pytest.fixture
def checkout(tmp_path):
    """Copy what a checkout has of the kernels, compiled ones among it."""
    shutil.copytree(
        CHECKOUT / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__", "*.c")
    )
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def picked(folder, implementation=""):
    """Import the kernels of a folder; return which were picked, or what was said against it."""
    environment = {**os.environ, "SEAMLINE_KERNELS": implementation}
    command = [sys.executable, "-c", "import kernels; print(kernels.__path__[0], kernels.IMPL)"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.splitlines()[-1]
    place, implementation = done.stdout.split()
    assert place == str(folder / "kernels")
    return implementation


def change(file):
    """Add to a file without a trace in its times."""
    before = file.stat()
    file.write_bytes(file.read_bytes() + b"\n# changed\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("source", ["kernels/_boxes_c.pyx", "kernels/_words.pxd", "setup.py"])
def test_a_changed_source_is_refused_in_one_sentence_until_its_kernel_is_compiled(checkout, source):
    assert picked(checkout) == "c"
    change(checkout / source)
    assert picked(checkout).startswith("ImportError: The kernels were compiled from other sources than those")
    assert "run: make kernels" in picked(checkout, "c")
    assert picked(checkout, "python") == "python"
    _sources.stamp(checkout / "kernels")
    assert picked(checkout) == "c"


def test_times_alone_make_nothing_stale(checkout):
    for file in (checkout / "kernels").glob("*.pyx"):
        os.utime(file)
    assert not _sources.stale(checkout / "kernels")


def test_a_source_that_came_or_went_is_noticed(checkout):
    new = checkout / "kernels" / "_new_c.pyx"
    new.touch()
    assert _sources.stale(checkout / "kernels")
    new.unlink()
    assert not _sources.stale(checkout / "kernels")


def test_kernels_of_which_nobody_knows_the_sources_are_refused_in_a_checkout_alone(checkout):
    (checkout / "kernels" / _sources.STAMP).unlink()
    assert picked(checkout).startswith("ImportError")
    (checkout / "pyproject.toml").unlink()  # as where another package left a setup.py
    assert picked(checkout) == "c"


def test_a_stamp_is_another_file_than_the_one_that_a_copy_shares(checkout):
    stamp, copy = checkout / "kernels" / _sources.STAMP, checkout / "linked"
    copy.hardlink_to(stamp)
    before = copy.read_text()
    change(checkout / "setup.py")
    _sources.stamp(checkout / "kernels")
    assert copy.read_text() == before != stamp.read_text()
