"""What an actor does when its work fails, without Ray: the process ends, and a file says why."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from cluster.actors import Worker

FAILS = """
import sys
from cluster.actors import Worker

class Broken(Worker):
    def _work(self, stop):
        raise OSError("no space left for the run's number")

Broken("weld-1", sys.argv[1])._thread.join()
"""


class Patient(Worker):
    """Work that goes on until it is told to stop."""

    def _work(self, stop: threading.Event) -> None:
        stop.wait()


def test_work_that_fails_ends_the_process_so_that_it_is_started_again(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FAILS, str(tmp_path)], check=False, timeout=180)
    assert done.returncode == 1
    assert "no space left" in (tmp_path / "logs" / "weld-1.log").read_text()


def test_work_stops_when_it_is_told_to(tmp_path: Path) -> None:
    script = (
        "import sys, tests_patient as t\n"
        "worker = t.Patient('weld-1', sys.argv[1])\n"
        "sys.exit(0 if worker.stop(10) else 1)\n"
    )
    (tmp_path / "tests_patient.py").write_text(Path(__file__).read_text())
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=False, timeout=180, cwd=tmp_path
    )
    assert done.returncode == 0
