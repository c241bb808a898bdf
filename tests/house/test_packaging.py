"""What is shipped: source archive, wheel built from it, and that wheel in a fresh environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, folder: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SEAMLINE", "COV"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the archive, the wheel from the archive, and an environment that holds only the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT, folder=folder)
    (archive,) = folder.glob("*.tar.gz")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, archive, folder=folder)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", wheel, folder=folder)
    # The dependencies come from this environment: a path file takes its packages, not its own start-up files.
    site = next((folder / "env" / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_the_wheel_carries_compiled_kernels(python: Path, tmp_path: Path) -> None:
    script = "import kernels; print(kernels.IMPL, kernels.__file__)"
    implementation, place = run(python, "-c", script, folder=tmp_path).split()
    assert implementation == "c"
    assert Path(place).is_relative_to(python.parents[1])


def test_the_wheel_carries_tables_and_model(python: Path, tmp_path: Path) -> None:
    script = (
        "import json, engine, vision; from pathlib import Path\n"
        "folders = [Path(module.__file__).parent for module in (engine, vision)]\n"
        "print(json.dumps([path.name for folder in folders for path in folder.rglob('*')]))"
    )
    names = json.loads(run(python, "-c", script, folder=tmp_path))
    assert {"0001.tables.sql", "model.xml", "model.bin", "card.json"} <= set(names)


def test_the_command_line_needs_no_training_library(python: Path, tmp_path: Path) -> None:
    command = python.parent / "seamline"
    assert "demo" in run(command, "--help", folder=tmp_path)
    script = (
        "import sys, cluster.supervise, engine.console.app, engine.gateway\n"
        "print([name for name in ('torch', 'ultralytics') if name in sys.modules])"
    )
    assert run(python, "-c", script, folder=tmp_path).strip() == "[]"


def test_the_gateway_needs_nothing_of_ray(python: Path, tmp_path: Path) -> None:
    script = "import sys, engine.gateway; print([n for n in ('ray', 'bytewax') if n in sys.modules])"
    assert run(python, "-c", script, folder=tmp_path).strip() == "[]"
