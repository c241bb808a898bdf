"""Write the Grafana dashboard: ``python deploy/grafana/dashboard.py`` after a change of what stands below."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("seamline.json")
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT = 24, 8
STATES = {"run": "green", "setup": "blue", "planned_stop": "purple", "stop": "red", "no_data": "text"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it is called, what it asks, how its series are named and drawn."""

    title: str
    query: str | tuple[str, ...]
    legend: str = ""
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    bad_from: float | None = None
    """Red from this value on."""


def state(machine: str = "machine") -> str:
    """Return the query that numbers a machine's state, in the order of `STATES`."""
    words = enumerate(STATES)
    return " + ".join(
        f'{n} * sum by ({machine}) (seamline_machine_state{{state="{word}"}})' for n, word in words
    )


ROWS = {
    "Is all well": [
        Panel("Processes silent", "sum(1 - seamline_process_up)", kind="stat", width=4, bad_from=1),
        Panel("Parts in trouble", "sum(1 - seamline_part_up)", kind="stat", width=4, bad_from=1),
        Panel("Database away", "max(1 - seamline_database_up)", kind="stat", width=4, bad_from=1),
        Panel("Last commit", "max(seamline_shard_commit_age_seconds)", "", "s", "stat", 4, 10),
        Panel("Behind the log", "max(seamline_shard_lag_seconds)", "", "s", "stat", 4, 10),
        Panel(
            "Frames lost in an hour", 'sum(increase(seamline_frames_total{outcome!="inspected"}[1h]))',
            kind="stat", width=4, bad_from=1,
        ),
        Panel(
            "What is in trouble", "seamline_part_up == 0", "{{process}} {{owner}}: {{part}} {{name}}",
            kind="table", width=24,
        ),
    ],
    "Stations": [
        Panel(
            "Parts a minute",
            "60 * sum by (station, outcome) (rate(seamline_verdicts_total[$__rate_interval]))",
            "{{station}} {{outcome}}",
        ),
        Panel(
            "Frames a second",
            "sum by (station, camera, outcome) (rate(seamline_frames_total[$__rate_interval]))",
            "{{station}} {{camera}} {{outcome}}",
        ),
        Panel("Frames being inspected", "seamline_frames_open", "{{station}} {{camera}}"),
        Panel(
            "Camera stands still since", 'seamline_part_idle_seconds{part="camera"}', "{{owner}} {{name}}",
            "s",
        ),
        Panel(
            "Camera's clock is behind", "seamline_camera_clock_offset_seconds", "{{station}} {{camera}}", "s",
            "bargauge",
        ),
        Panel(
            "What it sees has drifted", "seamline_drift_index / 0.25",
            "{{station}} {{part_number}} {{view}} {{measure}}", bad_from=1,
        ),
        Panel(
            "Parts of the line and what it was told, a minute",
            (
                "60 * rate(seamline_handshake_cycles_total[$__rate_interval])",
                "60 * rate(seamline_handshake_answers_total[$__rate_interval])",
            ),
            "{{station}} {{answer}}",
        ),
        Panel(
            "What went wrong at the line, a minute",
            "60 * rate(seamline_handshake_events_total[$__rate_interval])", "{{station}} {{event}}",
        ),
        Panel("From trigger to answer", "seamline_handshake_last_cycle_seconds", "{{station}}", "s"),
        Panel(
            "Parts that a shadow saw, or missed, a minute",
            (
                "60 * rate(seamline_shadow_parts_total[$__rate_interval])",
                "60 * rate(seamline_shadow_passed_by_total[$__rate_interval])",
            ),
            "{{station}} {{__name__}}",
        ),
    ],
    "Machines": [
        Panel("State", state(), "{{machine}}", kind="state-timeline", width=24),
        Panel("OEE of the shift", "seamline_machine_oee_ratio", "{{machine}}", "percentunit", "bargauge"),
        Panel(
            "Its factors",
            tuple(f"seamline_machine_{name}_ratio" for name in ("availability", "performance", "quality")),
            "{{machine}} {{__name__}}", "percentunit",
        ),
        Panel(
            "Anomaly score over its threshold", "seamline_anomaly_score / seamline_anomaly_threshold",
            "{{machine}}", bad_from=1,
        ),
    ],
    "Sources and log": [
        Panel("Readings a second", "rate(seamline_source_readings_total[$__rate_interval])", "{{source}}"),
        Panel(
            "Waveforms a minute", "60 * rate(seamline_source_waveforms_total[$__rate_interval])", "{{source}}"
        ),
        Panel("Rejects a minute", "60 * rate(seamline_source_rejects_total[$__rate_interval])", "{{source}}"),
        Panel("Quarantined within a day", "seamline_quarantined_rows", "{{reason}}", kind="bargauge"),
        Panel("Entries behind", "seamline_shard_lag_entries", "{{shard}}"),
        Panel(
            "Told to others",
            ("rate(seamline_outbox_delivered_total[$__rate_interval])", "seamline_outbox_waiting_rows"),
            "{{shard}}",
        ),
        Panel("Waiting for the log", "seamline_source_waiting_entries", "{{source}}"),
        Panel(
            "Log on disk",
            (
                "seamline_log_bytes", "seamline_log_limit_bytes", "seamline_log_disk_free_bytes",
                "seamline_archive_waiting_bytes",
            ),
            "{{shard}} {{__name__}}", "bytes",
        ),
        Panel(
            "Clocks of the machines", ("seamline_clock_offset_seconds", "seamline_clock_jitter_seconds"),
            "{{machine}} {{source}} {{__name__}}", "s",
        ),
        Panel("Clock jumps in an hour", "increase(seamline_shard_clock_jumps_total[1h])", "{{shard}}"),
        Panel(
            "Numbers that came again, a minute", "60 * rate(seamline_shard_repeated_total[$__rate_interval])",
            "{{shard}}",
        ),
    ],
    "Processes": [
        Panel("Memory", "seamline_process_resident_memory_bytes", "{{process}} {{name}}", "bytes", width=12),
        Panel(
            "Restarts in an hour", "increase(seamline_process_restarts_total[1h])", "{{process}} {{name}}",
            width=6,
        ),
        Panel("Last word", "seamline_process_report_age_seconds", "{{process}} {{name}}", "s", width=6),
    ],
}  # fmt: skip


def drawn(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """Return a panel as Grafana takes it."""
    asked = (panel.query,) if isinstance(panel.query, str) else panel.query
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    settings: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "state-timeline":
        words = enumerate(STATES.items())
        options = {str(n): {"text": word, "color": color, "index": n} for n, (word, color) in words}
        settings["mappings"] = [{"type": "value", "options": options}]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": height(panel)},
        "fieldConfig": {"defaults": settings, "overrides": []},
        "targets": [target(panel, letter, query) for letter, query in zip("ABCD", asked, strict=False)],
    }


def target(panel: Panel, letter: str, query: str) -> dict[str, Any]:
    """Return one query of a panel."""
    found = {"refId": letter, "expr": query, "legendFormat": panel.legend, "datasource": SOURCE}
    if panel.kind in ("stat", "table", "bargauge"):
        found |= {"instant": True, "format": "table" if panel.kind == "table" else "time_series"}
    return found


def height(panel: Panel) -> int:
    """Return a panel's height in grid units."""
    return HEIGHT // 2 if panel.kind == "stat" else HEIGHT


def panels() -> list[dict[str, Any]]:
    """Return rows and panels, laid out from left to right and top to bottom."""
    found: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        found.append({"id": len(found) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        x, y, line = 0, y + 1, 0
        for panel in row:
            if x + panel.width > WIDTH:
                x, y, line = 0, y + line, 0
            found.append(drawn(panel, len(found) + 1, x, y))
            x, line = x + panel.width, max(line, height(panel))
        y += line
    return found


def dashboard() -> dict[str, Any]:
    """Return the whole dashboard."""
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": "seamline",
        "title": "Seamline",
        "tags": ["seamline"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [source]},
        "annotations": {"list": []},
        "panels": panels(),
    }


def text() -> str:
    """Return the dashboard's file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
