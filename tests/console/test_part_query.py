"""Everything about a serial, read from a line's rows."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from engine.console import part_query
from engine.console.part_query import AROUND, ATTEMPTS, NEAR, span, trace
from engine.store.levels import partitions

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def traced(line, serial="A", tenant=1):
    return trace(line.db, tenant, serial, ["mill", "weld-check"])


def test_a_serial_that_nobody_knows(line):
    line.part("A", "OK")
    assert traced(line, "B").attempts == ()
    assert traced(line, tenant=2).attempts == ()


def test_a_verdict_with_its_pictures_findings_and_frames(line):
    line.part("A", "NG", picture=b"a", findings=[("crater", 0.9, (1, 2, 3, 4))], size=(640, 480))
    line.part("B", "OK", picture=b"b")
    (found,) = traced(line).attempts
    assert (found.station, found.machine, found.part.outcome) == ("weld-check", "weld-check", "NG")
    assert [len(digest) for digest in (found.part.model, found.part.preprocessing, found.part.recipe)] == [
        64
    ] * 3
    (picture,) = found.pictures
    assert (picture.width, picture.height, picture.findings[0].label) == (640, 480, "crater")
    (frame,) = found.frames
    assert (frame.run, frame.first, frame.outcome, frame.frame_hash) == (
        "run-1",
        1,
        "inspected",
        picture.frame_hash,
    )


def test_every_attempt_has_its_own_pictures_newest_first(line):
    line.part("A", "NG", ts=line.clock - 2 * MINUTE, picture=b"1", findings=[("crater", 0.9, (1, 2, 3, 4))])
    line.part("A", "OK", ts=line.clock, picture=b"2", attempt=2)
    line.part("A", "REVIEW", ts=line.clock - MINUTE, picture=b"3", station="final")
    found = traced(line).attempts
    assert [(item.station, item.part.attempt, item.part.outcome) for item in found] == [
        ("weld-check", 2, "OK"),
        ("final", 1, "REVIEW"),
        ("weld-check", 1, "NG"),
    ]
    assert len({item.pictures[0].frame_hash for item in found}) == 3
    assert [len(item.pictures[0].findings) for item in found] == [0, 0, 1]


def test_frames_that_were_lost_belong_to_the_verdict_they_came_too_late_for(line):
    line.part("A", "REVIEW", ts=line.clock - HOUR, picture=b"1")
    line.lost("late", ts=line.clock - HOUR + MINUTE, serial="A")
    line.lost("late", ts=line.clock - HOUR + MINUTE, serial="B")
    line.part("A", "OK", picture=b"2", attempt=2)
    line.lost("unmatched", ts=line.clock - MINUTE, serial="A")
    found = traced(line).attempts
    assert [[frame.outcome for frame in item.frames] for item in found] == [
        ["inspected", "unmatched"],
        ["late", "inspected"],
    ]
    assert [len(item.pictures) for item in found] == [1, 1]


def test_who_the_part_was_comes_with_its_verdict(line):
    line.part("A", "NG")
    line.db.execute("UPDATE verdicts SET order_number = 'O-77', line_answer = 'NG', fixture = ''")
    (found,) = traced(line).attempts
    assert found.identity == (("line_answer", "NG"), ("order", "O-77"))
    assert found.part.recipe != "NG"


def test_the_times_of_verdicts_never_overlap_nor_leave_gaps(line):
    noon = line.clock
    assert span(noon, [noon]) == (noon - NEAR, noon + NEAR)
    assert span(noon, [noon, noon - MINUTE, noon + MINUTE]) == (noon - MINUTE, noon)
    first, second = noon, noon + NEAR + 3 * MINUTE
    assert span(first, [first, second])[1] == span(second, [first, second])[0] == noon + 3 * MINUTE
    later = noon + 24 * HOUR
    assert span(noon, [noon, later])[1] < span(later, [noon, later])[0]


def test_only_the_newest_verdicts_are_shown_and_that_is_said(line):
    for number in range(ATTEMPTS + 3):
        line.part("A", "OK", ts=line.clock + number * MINUTE, attempt=number + 1)
    found = traced(line)
    assert found.more
    assert [item.part.attempt for item in found.attempts] == list(range(ATTEMPTS + 3, 3, -1))
    assert not traced(line, "B").more


def test_what_the_machine_did_when_the_part_was_seen(line):
    line.part("A", "OK")
    line.state("mill", line.clock - 3 * HOUR, line.clock - 2 * HOUR, "stop")
    line.state("mill", line.clock - 2 * HOUR, None, "run")
    line.state("mill", line.clock - 2 * HOUR, line.clock + MINUTE, "run", version=2)
    line.state("mill", line.clock + MINUTE, None, "setup")
    line.state("mill", line.clock + 2 * AROUND, None, "stop")
    mill, station = traced(line).attempts[0].line
    assert [item.state for item in mill.states] == ["run", "setup"]
    assert mill.state(line.clock).state == "run"
    assert mill.state(line.clock + MINUTE).state == "setup"
    assert station.state(line.clock) is None


def test_a_time_of_which_nothing_is_known_has_no_state(line):
    line.part("A", "OK")
    line.state("mill", line.clock - HOUR, line.clock - MINUTE, "run")
    (mill, _) = traced(line).attempts[0].line
    assert mill.state(line.clock) is None
    assert mill.state(line.clock - 2 * MINUTE).state == "run"


def test_scores_and_the_shift_of_that_time(line):
    line.part("A", "OK", ts=line.clock)
    for minutes in (-20, -5, 5, 20):
        line.anomaly("mill", line.clock + minutes * MINUTE, 2.0 + minutes / 10)
    line.oee("mill", {"effective": 60, "planned_stop": 60, "setup": 60}, good=60)
    line.oee("mill", {"effective": 90, "planned_stop": 90, "setup": 90}, good=60, version=2)
    line.oee("mill", {"effective": 1}, ts=line.clock + HOUR)
    mill, station = traced(line).attempts[0].line
    assert [item.score for item in mill.anomalies] == [1.5, 2.5]
    assert (mill.shift.name, mill.shift.ts, mill.shift.oee) == ("early", line.clock - 6 * HOUR, 0.5)
    assert (station.shift, station.anomalies) == (None, ())


DAYS = 60
BOUNDED = {
    "FRAMES": "frame_ledger",
    "STATES": "states",
    "STATE_BEFORE": "states",
    "SHIFT": "oee",
    "ANOMALIES": "anomalies",
}


def planned(line, statement):
    """Return the plan of a query about noon as PostgreSQL would run it."""
    ts = line.clock
    bounds = {
        "tenant": 1, "station": "weld-check", "serial": "A", "machine": "mill", "ts": ts, "step": 15.0,
        "after": ts - NEAR, "until": ts + NEAR, "start": ts - AROUND, "end": ts + AROUND,
        "earliest": ts - part_query.SHIFT_LASTS,
    }  # fmt: skip
    values = bounds if "%(" in statement else [1, "mill", ts - AROUND, ts + AROUND]
    rows = line.db.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}", values).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("name", BOUNDED)
def test_no_query_opens_the_partitions_of_other_days(line, name):
    table, today = BOUNDED[name], int(line.clock.timestamp() // 86400)
    partitions(line.db).ensure(line.db, table, range(today - DAYS, today + 2))
    plan = planned(line, getattr(part_query, name))
    scanned = set(re.findall(rf"Scan.* on ((?:{table}|_hyper)_\S+)", plan))
    assert len(scanned) <= 1 + part_query.SHIFT_LASTS.days, plan


@pytest.mark.parametrize("table", ["verdicts", "findings"])
def test_a_serial_is_found_by_an_index(line, table):
    for number in range(3000):
        line.part(f"P{number}", "NG", findings=[("crater", 0.9, (1, 2, 3, 4))])
    line.db.execute(f"ANALYZE {table}")
    sought = f"EXPLAIN (COSTS OFF) SELECT * FROM {table} WHERE tenant_id = 1 AND serial = 'P7'"
    plan = "\n".join(row[0] for row in line.db.execute(sought))
    assert "serial" in re.search(r"Index Scan.*", plan)[0]
