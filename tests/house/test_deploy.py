"""What a plant is installed with, as the tools themselves read it: unit, compose file, image."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.plant import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
MOST_EXPOSED = 20
"""Tenths, of 100, that ``systemd-analyze security`` may find exposed."""
PASSWORDS = {f"{name}_PASSWORD": "0" * 48 for name in ("POSTGRES", "WRITER", "READER", "GRAFANA")}


def run(*command: str | Path, **variables: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit as it would stand on a machine where Seamline is installed here."""
    text = (DEPLOY / "systemd" / "seamline.service").read_text()
    command = Path(sys.executable).with_name("seamline")
    found = tmp_path / "seamline.service"
    found.write_text(text.replace("/opt/seamline/bin/seamline", str(command)))
    assert str(command) in found.read_text()
    return found


def test_systemd_takes_the_unit(unit: Path) -> None:
    assert run("systemd-analyze", "verify", unit) == ""


def test_the_unit_exposes_little(unit: Path) -> None:
    run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)


def test_the_unit_gives_the_supervisor_time_to_stop() -> None:
    from cluster.children import STOP_SECONDS
    from cluster.supervise import DRAIN_SECONDS

    text = (DEPLOY / "systemd" / "seamline.service").read_text()
    found = re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)
    assert found is not None
    assert int(found[1]) >= 3 * DRAIN_SECONDS + 4 * STOP_SECONDS


def test_the_environment_file_names_what_is_read() -> None:
    from engine.store.database import READER_VARIABLE, VARIABLE

    lines = (DEPLOY / "systemd" / "environment").read_text().splitlines()
    assert [line.partition("=")[0] for line in lines if "=" in line] == [
        f"#{VARIABLE}",
        f"#{READER_VARIABLE}",
    ]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return the services as docker-compose understands them."""
    text = run(
        "docker-compose", "--profile", "observe", "-f", COMPOSE / "compose.yaml", "config", **PASSWORDS
    )
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    assert set(found) == {"database", "plant", "prometheus", "grafana"}
    return found


def test_no_port_opens_beyond_loopback(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) >= 3
    assert all(str(port).startswith("127.0.0.1:") for port in published), published
    assert "ports" not in services["database"]


def test_every_service_is_watched_and_comes_again(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name


def test_the_compose_file_holds_no_secret() -> None:
    raw = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    for service in raw["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|DSN", name) or "${" in value, name
    assert not re.search(r"_PASSWORD=.", (COMPOSE / "env.example").read_text())


def test_without_passwords_it_says_what_to_do() -> None:
    words = ["docker-compose", "-f", str(COMPOSE / "compose.yaml"), "config"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "copy env.example to .env and fill it in" in done.stderr


def test_the_plant_s_health_is_asked_for_in_python_that_runs(services: dict[str, Any]) -> None:
    _, python, option, script = services["plant"]["healthcheck"]["test"]
    assert (python, option) == ("python", "-c")
    compile(script, "healthcheck", "exec")


def test_the_image_is_built_from_every_room() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = {name.rstrip("*") for name in settings["tool"]["setuptools"]["packages"]["find"]["include"]}
    lines = (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert let_in == rooms | {"LICENSE", "README.md", "pyproject.toml", "setup.py"}


def test_the_example_plant_is_one() -> None:
    plant = load(COMPOSE / "plant.yaml")
    assert plant.console.host == "0.0.0.0"
    assert plant.sources
