"""The console's metrics, scraped from the running console over a line in the database."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from engine.figures import Figures, Ratios, figures
from engine.metrics import CATALOGUE

LABELS = {series.name: series.labels for series in CATALOGUE}


def scraped(console: Any) -> dict[tuple[str, ...], float]:
    code, headers, body = console.get("/metrics")
    assert code == 200
    assert headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *(sample.labels[label] for label in LABELS[sample.name])): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_line_that_has_not_begun_has_no_figures(line: Any, a_plant: Any) -> None:
    assert figures(a_plant(), line.db) == Figures()


def test_figures_are_the_newest_of_each_machine(line: Any, a_plant: Any) -> None:
    now = line.clock
    for machine in ("mill", "saw"):
        line.insert("machines", tenant_id=1, name=machine, kind="machine", shard="line-1", settings="{}")
    line.state("mill", now - timedelta(hours=2), now - timedelta(hours=1), "setup")
    line.state("mill", now - timedelta(hours=1), None, "run")
    line.oee("mill", {"effective": 30, "unplanned_stop": 30}, good=30, version=1, as_of=now)
    line.oee("mill", {"effective": 45, "unplanned_stop": 15}, good=45, version=2, as_of=now)
    line.anomaly("mill", now - timedelta(minutes=2), 9.0)
    line.anomaly("mill", now - timedelta(minutes=1), 2.0)
    line.partitions.ensure(line.db, "quarantine", [int(now.timestamp() // 86400)])
    for _ in range(3):
        line.insert("quarantine", tenant_id=1, ts=now, source="sensors", reason="late", raw="?")
    line.commit(age=4.0)
    found = figures(a_plant(), line.db)
    assert found.commit_age is not None
    assert 4.0 <= found.commit_age < 60.0
    assert found.states == {"mill": "run"}
    assert found.oee == {"mill": Ratios(0.75, 0.75, 1.0, 1.0)}
    assert found.scores == {"mill": (2.0, 3.0)}
    assert found.quarantined == {"late": 3}


def test_a_scrape_tells_of_console_and_line(console: Any, shown: Any) -> None:
    shown.commit()
    read = ("seamline_shard_commit_age_seconds", "line-1")
    console.wait_until(lambda _: read in scraped(console))
    found = scraped(console)
    assert found[("seamline_database_up",)] == 1
    assert found["seamline_process_up", "console", "line-1"] == 1
    assert found["seamline_process_resident_memory_bytes", "console", "line-1"] > 1e7
    assert found["seamline_part_up", "console", "line-1", "feed", "metrics"] == 1


def test_prometheus_own_checker_finds_nothing_to_mend(console: Any, shown: Any) -> None:
    shown.commit()
    folder = os.environ.get("SEAMLINE_PROMTOOL_DIR", "/var/tmp/seamline-promtool")
    script = Path(__file__).parents[2] / "deploy" / "promtool.sh"
    tool = subprocess.run([script, folder], capture_output=True, text=True, check=True).stdout.strip()
    page = console.get("/metrics")[2]
    done = subprocess.run([tool, "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
