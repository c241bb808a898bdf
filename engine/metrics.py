"""Metrics for Prometheus: what the processes say of themselves, and what the database says of the line.

A scrape reads a few small files and what was last read from the database; it asks the database
nothing, and within a second it is answered from memory. What is not known now is left out: a series
that ends tells more than one that repeats its last word.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.figures import Figures
from engine.handshake.reasons import MISDEEDS, REASONS
from engine.health import Health, Part
from engine.station_drift import SEPARATOR
from streams.clock import SECOND

KEEP_SECONDS = 1.0
"""So long an answer is given again: several scrapers cost as much as one."""
STATES = ("run", "stop", "setup", "planned_stop", "no_data")
OUTCOMES = ("inspected", "dropped", "late", "unmatched")
JUDGED = ("ok", "ng", "review")


@dataclass(frozen=True, slots=True)
class Series:
    """A metric: a name ending in ``_total`` only rises, any other is a gauge."""

    name: str
    says: str
    labels: tuple[str, ...]

    def family(self) -> Metric:
        """Return it without samples."""
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        return kind(self.name, self.says, labels=self.labels)


PROCESS = ("process", "name")
CLOCK = ("machine", "source")
PART = ("process", "owner", "part", "name")
CATALOGUE = (
    Series(
        "seamline_process_up", "Whether the process spoke within five seconds and has not ended.", PROCESS
    ),
    Series("seamline_process_start_time_seconds", "When the process began, Unix time.", PROCESS),
    Series("seamline_process_report_age_seconds", "Since the process last spoke.", PROCESS),
    Series("seamline_process_resident_memory_bytes", "Memory of the process that is in RAM.", PROCESS),
    Series("seamline_process_restarts_total", "Starts again without having ended.", PROCESS),
    Series("seamline_part_up", "Whether what a process needs is well: camera, source, log, database.", PART),
    Series("seamline_part_idle_seconds", "Since the part's counters last moved.", PART),
    Series(
        "seamline_frames_total", "Frames of a camera by how they ended.", ("station", "camera", "outcome")
    ),
    Series("seamline_frames_open", "Frames captured that have not ended yet.", ("station", "camera")),
    Series(
        "seamline_camera_clock_offset_seconds",
        "How far a camera's own clock is behind, with its pictures' quickest way.",
        ("station", "camera"),
    ),
    Series("seamline_verdicts_total", "Parts judged.", ("station", "outcome")),
    Series(
        "seamline_drift_index",
        "How far the newest frames are from the first ones: above 0.25 much has moved.",
        ("station", "part_number", "view", "measure"),
    ),
    Series("seamline_shadow_parts_total", "Parts that the model saw which looks on.", ("station",)),
    Series("seamline_shadow_passed_by_total", "Parts that it had no time for.", ("station",)),
    Series("seamline_handshake_cycles_total", "Parts that the PLC triggered.", ("station",)),
    Series("seamline_handshake_answers_total", "What the line was told.", ("station", "answer")),
    Series("seamline_handshake_last_cycle_seconds", "From trigger to answer, the last time.", ("station",)),
    Series(
        "seamline_handshake_events_total",
        "What a sound line never does, and why answers were not the model's own.",
        ("station", "event"),
    ),
    Series("seamline_source_readings_total", "Readings that a source handed to the log.", ("source",)),
    Series("seamline_source_rejects_total", "Inputs of a source that could not be read.", ("source",)),
    Series("seamline_source_waveforms_total", "Waveforms that a source handed to the log.", ("source",)),
    Series("seamline_source_failures_total", "Times that a source's connector gave up.", ("source",)),
    Series("seamline_source_waiting_entries", "Entries that the log has not acknowledged.", ("source",)),
    Series("seamline_log_position", "Newest entry of the log.", ("shard",)),
    Series("seamline_log_consumed_position", "Entries up to here may be removed.", ("shard",)),
    Series("seamline_log_bytes", "Size of the log on disk.", ("shard",)),
    Series("seamline_log_limit_bytes", "How large the log may grow.", ("shard",)),
    Series("seamline_log_disk_free_bytes", "What is left on the log's disk.", ("shard",)),
    Series("seamline_log_dropped_readings_total", "Readings that a full log dropped.", ("shard",)),
    Series(
        "seamline_log_unarchived_readings_total",
        "Readings that a full log dropped before its archive had them.",
        ("shard",),
    ),
    Series("seamline_archive_position", "Newest entry that the archive keeps.", ("shard",)),
    Series("seamline_archive_waiting_bytes", "Log that the archive does not keep yet.", ("shard",)),
    Series("seamline_shard_position", "Newest entry that is committed.", ("shard",)),
    Series("seamline_shard_lag_entries", "Entries of the log that are not committed yet.", ("shard",)),
    Series("seamline_shard_lag_seconds", "Real time between the newest commit's entry and now.", ("shard",)),
    Series("seamline_shard_commits_total", "Commits of this process.", ("shard",)),
    Series("seamline_shard_snapshot_age_seconds", "Since operator state was last kept.", ("shard",)),
    Series("seamline_shard_snapshot_failures_total", "Snapshots that could not be kept.", ("shard",)),
    Series("seamline_shard_refused_total", "Outputs that no table could hold.", ("shard",)),
    Series("seamline_outbox_delivered_total", "Events told by this process.", ("shard",)),
    Series("seamline_outbox_waiting_rows", "Events that nobody has taken yet.", ("shard",)),
    Series("seamline_outbox_dead_rows", "Events given up: kept, tried no more.", ("shard",)),
    Series("seamline_shard_repeated_total", "Numbers that came again, in no window twice.", ("shard",)),
    Series("seamline_shard_clock_jumps_total", "Jumps of machines' clocks.", ("shard",)),
    Series("seamline_shard_commit_age_seconds", "Since the last commit, as the database says.", ("shard",)),
    Series("seamline_database_up", "Whether the database answers the console.", ()),
    Series("seamline_machine_state", "1 for the state that a machine is in.", ("machine", "state")),
    Series("seamline_machine_oee_ratio", "OEE of the newest shift, 0 to 1.", ("machine",)),
    Series("seamline_machine_availability_ratio", "Availability of the newest shift.", ("machine",)),
    Series("seamline_machine_performance_ratio", "Performance of the newest shift.", ("machine",)),
    Series("seamline_machine_quality_ratio", "Quality of the newest shift.", ("machine",)),
    Series("seamline_anomaly_score", "Newest anomaly score, standard deviations.", ("machine",)),
    Series("seamline_anomaly_threshold", "Score from which it is an anomaly.", ("machine",)),
    Series(
        "seamline_clock_offset_seconds",
        "Stamp less event time of what comes soonest; below 0: ahead.",
        CLOCK,
    ),
    Series("seamline_clock_jitter_seconds", "How much the delays of a source's readings vary.", CLOCK),
    Series("seamline_quarantined_rows", "Quarantined within the last day of plant time.", ("reason",)),
)

APPENDER = {
    "seamline_log_position": "position",
    "seamline_log_consumed_position": "consumed",
    "seamline_log_bytes": "bytes",
    "seamline_log_limit_bytes": "limit_bytes",
    "seamline_log_disk_free_bytes": "disk_free_bytes",
    "seamline_log_dropped_readings_total": "dropped_readings",
    "seamline_log_unarchived_readings_total": "unarchived_readings",
}
ARCHIVE = {
    "seamline_archive_position": "position",
    "seamline_archive_waiting_bytes": "waiting_bytes",
}
SHARD = {
    "seamline_shard_position": "position",
    "seamline_shard_lag_entries": "lag_entries",
    "seamline_shard_lag_seconds": "lag_s",
    "seamline_shard_commits_total": "commits",
    "seamline_shard_snapshot_age_seconds": "snapshot_age_s",
    "seamline_shard_snapshot_failures_total": "snapshot_failures",
    "seamline_shard_refused_total": "refused",
    "seamline_shard_repeated_total": "repeated",
    "seamline_shard_clock_jumps_total": "clock_jumps",
}
RELAY = {
    "seamline_outbox_delivered_total": "delivered",
    "seamline_outbox_waiting_rows": "waiting",
    "seamline_outbox_dead_rows": "dead",
}
SOURCE = {
    "seamline_source_readings_total": "readings",
    "seamline_source_rejects_total": "rejects",
    "seamline_source_waveforms_total": "waveforms",
    "seamline_source_failures_total": "failures",
    "seamline_source_waiting_entries": "waiting",
}


class Answer:
    """The families of one scrape."""

    def __init__(self) -> None:
        self._families = {series.name: series.family() for series in CATALOGUE}

    @property
    def families(self) -> Iterable[Metric]:
        """Return every family of the catalogue, in its order."""
        return self._families.values()

    def add(self, name: str, value: float | None, *labels: str) -> None:
        """Add a sample; a value that is not known adds none."""
        if value is not None:
            self._families[name].add_metric(labels, value)  # type: ignore[attr-defined]

    def add_counters(self, names: Mapping[str, str], counters: Mapping[str, float], *labels: str) -> None:
        """Add a sample for each counter that is there."""
        for name, counter in names.items():
            self.add(name, counters.get(counter), *labels)


def tell_process(answer: Answer, record: Health, now: int) -> None:
    """Add what a process says of itself; of one that is silent or has ended only that it is."""
    names = record.kind, record.name
    up = not record.ended and not record.silent(now)
    answer.add("seamline_process_up", up, *names)
    answer.add("seamline_process_report_age_seconds", (now - record.updated) / SECOND, *names)
    answer.add("seamline_process_restarts_total", record.restarts, *names)
    if not up:
        return
    answer.add("seamline_process_start_time_seconds", record.started / SECOND, *names)
    answer.add("seamline_process_resident_memory_bytes", resident(record.pid), *names)
    for part in record.parts:
        tell_part(answer, record, part, now)
    if record.kind == "appender":
        answer.add_counters(APPENDER, record.counters, record.name)
    elif record.kind == "archive":
        answer.add_counters(ARCHIVE, record.counters, record.name)
    elif record.kind == "relay":
        answer.add_counters(RELAY, record.counters, record.name)
    elif record.kind == "shard":
        answer.add_counters(SHARD, record.counters, record.name)
    elif record.kind == "station":
        for word in JUDGED:
            counted = record.counters.get(f"verdicts_{word}")
            answer.add("seamline_verdicts_total", counted, record.name, word.upper())


def tell_part(answer: Answer, record: Health, part: Part, now: int) -> None:
    """Add how a process's camera, source, log or database is."""
    names = record.kind, record.name, part.kind, part.name
    answer.add("seamline_part_up", part.ok, *names)
    if part.moved is not None:
        answer.add("seamline_part_idle_seconds", max(0, now - part.moved) / SECOND, *names)
    if part.kind == "source":
        answer.add_counters(SOURCE, part.counters, part.name)
    elif part.kind == "drift":
        for name, index in part.counters.items():
            answer.add("seamline_drift_index", index, record.name, *name.split(SEPARATOR))
    elif part.kind == "shadow":
        answer.add("seamline_shadow_parts_total", part.counters.get("inspected"), record.name)
        answer.add("seamline_shadow_passed_by_total", part.counters.get("passed_by"), record.name)
    elif part.kind == "handshake":
        tell_handshake(answer, record.name, part)
    elif part.kind == "camera":
        for outcome in OUTCOMES:
            answer.add("seamline_frames_total", part.counters.get(outcome), record.name, part.name, outcome)
        answer.add("seamline_frames_open", part.counters.get("open"), record.name, part.name)
        offset = part.counters.get("clock_offset_s")
        answer.add("seamline_camera_clock_offset_seconds", offset, record.name, part.name)


def tell_handshake(answer: Answer, station: str, part: Part) -> None:
    """Add how a station and its PLC get on."""
    answer.add("seamline_handshake_cycles_total", part.counters.get("cycles"), station)
    for word in JUDGED:
        answer.add(
            "seamline_handshake_answers_total", part.counters.get(f"answers_{word}", 0), station, word.upper()
        )
    if milliseconds := part.counters.get("last_cycle_ms"):
        answer.add("seamline_handshake_last_cycle_seconds", milliseconds / 1000, station)
    for event in (*(reason.name for reason in REASONS), *MISDEEDS):
        answer.add("seamline_handshake_events_total", part.counters.get(event), station, event)


def tell_figures(answer: Answer, shard: str, figures: Figures, age: float) -> None:
    """Add what the database said ``age`` seconds ago."""
    if figures.commit_age is not None:
        answer.add("seamline_shard_commit_age_seconds", max(0.0, figures.commit_age + age), shard)
    for machine, state in figures.states.items():
        for known in STATES:
            answer.add("seamline_machine_state", known == state, machine, known)
    for machine, ratios in figures.oee.items():
        for name, ratio in asdict(ratios).items():
            answer.add(f"seamline_machine_{name}_ratio", ratio, machine)
    for machine, (score, threshold) in figures.scores.items():
        answer.add("seamline_anomaly_score", score, machine)
        answer.add("seamline_anomaly_threshold", threshold, machine)
    for (machine, source), (offset, jitter) in figures.clocks.items():
        answer.add("seamline_clock_offset_seconds", offset, machine, source)
        answer.add("seamline_clock_jitter_seconds", jitter, machine, source)
    for reason, count in figures.quarantined.items():
        answer.add("seamline_quarantined_rows", count, reason)


def resident(pid: int) -> int | None:
    """Return a process's bytes in RAM, None where it has gone or is not ours."""
    try:
        found: int = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return None
    return found


class Metrics:
    """A collector of one plant's metrics, and the page that Prometheus scrapes.

    Parameters
    ----------
    records
        Reads the processes' records.
    figures
        Returns what the database said last and how many seconds ago; None while it is away.
    now
        The wall clock, microseconds UTC.
    """

    def __init__(
        self,
        shard: str,
        records: Callable[[], list[Health]],
        figures: Callable[[], tuple[Figures, float] | None],
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._shard, self._records, self._figures, self._now = shard, records, figures, now
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._lock = threading.Lock()
        self._page = b""
        self._until = 0.0

    def describe(self) -> Iterable[Metric]:
        """Return what can be collected."""
        return Answer().families

    def collect(self) -> Iterable[Metric]:
        """Return all metrics as they are now."""
        answer, now, told = Answer(), self._now(), self._figures()
        for record in self._records():
            tell_process(answer, record, now)
        answer.add("seamline_database_up", told is not None)
        if told is not None:
            tell_figures(answer, self._shard, *told)
        return answer.families

    def page(self) -> bytes:
        """Return the page in Prometheus' text format, made once a second at the most."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._page = generate_latest(self._registry)
                self._until = time.monotonic() + KEEP_SECONDS
            return self._page
