"""Metrics: what a scrape tells of processes and line, what it leaves out, and what it costs."""

from __future__ import annotations

import doctest
import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine import figures, health
from engine.figures import Figures, Ratios
from engine.health import Health, Part
from engine.metrics import CATALOGUE, Metrics
from streams.clock import SECOND

LABELS = {series.name: series.labels for series in CATALOGUE}
NOW = 1_800_000_000 * SECOND


def record(kind: health.Kind, name: str, age: float = 0.5, **more: object) -> Health:
    values = {"counters": {}, "parts": (), **more}
    return Health(kind, name, os.getpid(), NOW - 60 * SECOND, NOW - int(age * SECOND), **values)  # type: ignore[arg-type]


def samples(
    records: list[Health] | None = None, told: tuple[Figures, float] | None = None
) -> dict[tuple[str, ...], float]:
    """Scrape, and return value by name and labels."""
    page = Metrics("line-1", lambda: records or [], lambda: told, now=lambda: NOW).page().decode()
    return {
        (sample.name, *(sample.labels[label] for label in LABELS[sample.name])): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_the_examples() -> None:
    assert doctest.testmod(figures).failed == 0


def test_a_station_tells_frames_and_verdicts() -> None:
    camera = Part(
        "camera", "cam1",
        counters={"captured": 12, "inspected": 9, "dropped": 2, "late": 0, "unmatched": 0, "open": 1,
                  "clock_offset_s": 2.5},
        moved=NOW - 3 * SECOND,
    )  # fmt: skip
    counters = {"verdicts_ok": 7, "verdicts_ng": 2, "verdicts_review": 0}
    found = samples([record("station", "weld-1", counters=counters, parts=(camera,))])
    assert found["seamline_frames_total", "weld-1", "cam1", "inspected"] == 9
    assert found["seamline_frames_total", "weld-1", "cam1", "dropped"] == 2
    assert found["seamline_frames_open", "weld-1", "cam1"] == 1
    assert found["seamline_camera_clock_offset_seconds", "weld-1", "cam1"] == 2.5
    assert found["seamline_verdicts_total", "weld-1", "NG"] == 2
    assert found["seamline_part_up", "station", "weld-1", "camera", "cam1"] == 1
    assert found["seamline_part_idle_seconds", "station", "weld-1", "camera", "cam1"] == 3
    assert found["seamline_process_up", "station", "weld-1"] == 1
    assert found["seamline_process_start_time_seconds", "station", "weld-1"] == NOW / SECOND - 60
    assert found["seamline_process_resident_memory_bytes", "station", "weld-1"] > 1e6


def test_a_station_tells_of_its_plc() -> None:
    counters = {
        "cycles": 9,
        "answers_ok": 7,
        "answers_ng": 2,
        "last_cycle_ms": 84.0,
        "time_out": 1,
        "withdrawn": 3,
    }
    found = samples([record("station", "weld-1", parts=(Part("handshake", "s7", "", counters),))])
    assert found["seamline_handshake_cycles_total", "weld-1"] == 9
    assert found["seamline_handshake_answers_total", "weld-1", "NG"] == 2
    assert found["seamline_handshake_answers_total", "weld-1", "REVIEW"] == 0
    assert found["seamline_handshake_last_cycle_seconds", "weld-1"] == 0.084
    assert found["seamline_handshake_events_total", "weld-1", "time_out"] == 1
    assert found["seamline_handshake_events_total", "weld-1", "withdrawn"] == 3
    assert ("seamline_handshake_events_total", "weld-1", "stuck") not in found


def test_gateway_appender_and_shard_tell_their_counters() -> None:
    source = Part(
        "source", "sensors", "It is away.", {"readings": 5, "rejects": 1, "failures": 2, "waiting": 3}
    )
    found = samples([
        record("gateway", "line-1", parts=(source,)),
        record("appender", "line-1", counters={"position": 44, "bytes": 9_000, "limit_bytes": 1e9}),
        record("shard", "line-1", restarts=2, counters={"position": 40, "lag_entries": 4, "lag_s": 0.25}),
    ])  # fmt: skip
    assert found["seamline_source_readings_total", "sensors"] == 5
    assert found["seamline_source_rejects_total", "sensors"] == 1
    assert found["seamline_source_waiting_entries", "sensors"] == 3
    assert found["seamline_part_up", "gateway", "line-1", "source", "sensors"] == 0
    assert found["seamline_log_position", "line-1"] - found["seamline_shard_position", "line-1"] == 4
    assert found["seamline_log_bytes", "line-1"] == 9_000
    assert found["seamline_shard_lag_seconds", "line-1"] == 0.25
    assert found["seamline_process_restarts_total", "shard", "line-1"] == 2
    assert not any("snapshot_age" in name for name, *_ in found), "what is not known is left out"


@pytest.mark.parametrize("more", [{"age": 8.0}, {"ended": True}])
def test_of_a_process_that_is_gone_only_that_is_told(more: dict[str, object]) -> None:
    found = samples([record("shard", "line-1", counters={"lag_s": 0.1}, **more)])  # type: ignore[arg-type]
    assert found["seamline_process_up", "shard", "line-1"] == 0
    assert found["seamline_process_report_age_seconds", "shard", "line-1"] > 0
    assert not any(name.startswith(("seamline_shard", "seamline_process_resident")) for name, *_ in found)


def test_the_line_is_told_as_the_database_says() -> None:
    told = Figures(
        commit_age=0.5,
        states={"mill": "run"},
        oee={"mill": Ratios(0.6, 0.75, None, 1.0)},
        scores={"mill": (4.5, 3.0)},
        quarantined={"late": 7},
    )
    found = samples(told=(told, 2.0))
    assert found[("seamline_database_up",)] == 1
    assert found["seamline_shard_commit_age_seconds", "line-1"] == 2.5
    assert found["seamline_machine_state", "mill", "run"] == 1
    assert found["seamline_machine_state", "mill", "stop"] == 0
    assert found["seamline_machine_oee_ratio", "mill"] == 0.6
    assert ("seamline_machine_performance_ratio", "mill") not in found
    assert found["seamline_anomaly_score", "mill"] > found["seamline_anomaly_threshold", "mill"]
    assert found["seamline_quarantined_rows", "late"] == 7


def test_while_the_database_is_away_nothing_is_said_of_the_line() -> None:
    found = samples(told=None)
    assert found == {("seamline_database_up",): 0}


def test_several_scrapers_cost_as_much_as_one() -> None:
    asked = []
    metrics = Metrics("line-1", lambda: asked.append(1) or [], lambda: None)  # type: ignore[func-returns-value]
    assert metrics.page() is metrics.page()
    assert len(asked) == 1


def test_names_follow_the_conventions() -> None:
    units = ("_total", "_seconds", "_bytes", "_ratio", "_up", "_entries", "_rows", "_position")
    plain = {"seamline_frames_open", "seamline_machine_state", "seamline_anomaly_score"}
    plain |= {"seamline_drift_index", "seamline_anomaly_threshold"}
    for series in CATALOGUE:
        assert series.name.startswith("seamline_")
        assert series.name.endswith(units) or series.name in plain, series.name
        assert series.says.endswith(".")
    assert len({series.name for series in CATALOGUE}) == len(CATALOGUE)


def test_the_page_of_docs_tells_each_series() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for series in CATALOGUE:
        labels = ", ".join(f"`{label}`" for label in series.labels) or "-"
        assert f"| `{series.name}` | {labels} | {series.says} |" in page
