"""What a plant is installed with, as the tools themselves read it: unit, compose file, image."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.metrics import CATALOGUE
from engine.plant import load
from engine.store.embedded import SETTINGS

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


def test_the_database_hands_pages_to_the_disk_as_the_embedded_one_does(services: dict[str, Any]) -> None:
    program, option, setting = services["database"]["command"]
    assert (program, option) == ("postgres", "-c")
    assert setting in SETTINGS.replace(" = ", "=").splitlines()


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


@pytest.fixture(scope="session")
def promtool() -> str:
    """Return Prometheus' own checker, which Debian's package holds."""
    folder = os.environ.get("SEAMLINE_PROMTOOL_DIR", "/var/tmp/seamline-promtool")
    return run(DEPLOY / "promtool.sh", folder).splitlines()[0]


def queries() -> list[str]:
    """Return what the dashboard asks."""
    panels = json.loads((DEPLOY / "grafana" / "seamline.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def alerts() -> list[dict[str, Any]]:
    """Return the alert rules."""
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_prometheus_takes_scrape_and_alerts(promtool: str) -> None:
    said = run(promtool, "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert f"{len(alerts())} rules found" in said


def test_a_healthy_plant_is_quiet_and_a_sick_one_is_not(promtool: str) -> None:
    file = DEPLOY / "prometheus" / "alerts_test.yml"
    run(promtool, "test", "rules", file)
    for alert in alerts():
        assert f'alertname="{alert["alert"]}"' in file.read_text(), "an alert that no test has seen firing"


def test_every_query_of_the_dashboard_is_one(promtool: str, tmp_path: Path) -> None:
    asked = [query.replace("$__rate_interval", "1m") for query in queries()]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(asked)} rules found" in run(promtool, "check", "rules", file)


def test_dashboard_and_alerts_ask_only_for_what_is_served() -> None:
    served = {series.name: set(series.labels) for series in CATALOGUE}
    asked = [*queries(), *(alert["expr"] for alert in alerts())]
    names = set(re.findall(r"\bseamline_\w+", " ".join(asked)))
    assert names <= set(served)
    for name, selector in re.findall(r"(seamline_\w+)\{([^}]*)\}", " ".join(asked)):
        assert set(re.findall(r"(\w+)(?:=|!=|=~)\"", selector)) <= served[name], name


def test_what_is_served_is_shown_or_wakes_somebody() -> None:
    asked = " ".join([*queries(), *(alert["expr"] for alert in alerts())])
    unseen = {series.name for series in CATALOGUE if not re.search(rf"\b{series.name}\b", asked)}
    assert unseen == {
        "seamline_process_start_time_seconds",
        "seamline_log_position",
        "seamline_log_consumed_position",
        "seamline_archive_position",
        "seamline_shard_position",
        "seamline_shard_commits_total",
        "seamline_shard_snapshot_failures_total",
        "seamline_source_failures_total",
    }, "a new series belongs on the dashboard, or here"


def test_the_dashboard_is_what_its_source_says() -> None:
    source = runpy.run_path(str(DEPLOY / "grafana" / "dashboard.py"))
    assert (DEPLOY / "grafana" / "seamline.json").read_text() == source["text"]()


def test_no_panel_lies_over_another() -> None:
    panels = json.loads((DEPLOY / "grafana" / "seamline.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in columns for y in rows}
        assert not cells & taken
        assert max(columns) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
