"""The command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int | str | None
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it told a machine."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """What it told people, on one line: a narrow screen wraps it."""
        return " ".join(self.err.split())


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the home of the commands that a test runs."""
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def seamline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> Callable[..., Ended]:
    """Run a command as its user would."""

    def run(*words: str | Path) -> Ended:
        monkeypatch.setattr("sys.argv", ["seamline", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ended(ended.value.code, printed.out, printed.err)

    return run
