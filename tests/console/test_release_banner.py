"""Why a station's verdicts do not count now, from the database to the page."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.console.locale import Locale
from engine.console.release_banner import banner
from engine.console.release_query import release_now
from engine.console.station_query import station_now
from engine.plant import MasterSection

SAY, CHINESE = Locale("en", ZoneInfo("UTC")), Locale("zh", ZoneInfo("UTC"))
MASTERS = (MasterSection(serial="OK-1", expect="OK"), MasterSection(serial="NG-*", expect="NG"))
MINUTE = timedelta(minutes=1)


def tell(line, number, event, **more):
    facts = dict.fromkeys(("part_number", "recipe_hash", "reason", "person", "serial"), "")
    at = line.clock + number * timedelta(seconds=1)
    columns = {
        "tenant_id": 1,
        "station": "weld-check",
        "number": number,
        "at": at,
        "event": event,
        "received": at,
    }
    line.insert("releases", **facts | columns | more)


def words(line, say=SAY, later=MINUTE):
    found = release_now(line.db, 1, "weld-check")
    return " ".join(re.sub(r"<[^>]*>", " ", str(banner(found, MASTERS, line.clock + later, say))).split())


def test_a_released_station_says_nothing(line):
    assert words(line) == ""
    tell(line, 1, "blocked", reason="shift day began")
    tell(line, 2, "passed")
    assert words(line) == ""


def test_a_blocked_station_says_why_and_which_master_parts_are_missing(line):
    tell(line, 1, "blocked", reason="changed: model, light")
    tell(line, 2, "master", serial="OK-1")
    assert words(line) == (
        "Blocked changed: model, light Parts are reviewed until these master parts were judged as expected:"
        " NG-* (NG)."
    )
    assert words(line, CHINESE) == (
        "已锁定 已变更：模型, 照明 在以下标准件判定符合预期之前，所有零件待复核：NG-* (不合格)。"
    )


def test_a_bypass_tells_its_name_and_its_end_and_is_over_by_itself(line):
    tell(line, 1, "bypass_began", person="Li", reason="lamp broken", until=line.clock + 2 * MINUTE)
    assert re.fullmatch(r"Bypassed Nothing is inspected until \d\d:\d\d, by Li: lamp broken\.", words(line))
    assert words(line, later=2 * MINUTE) == ""
    tell(line, 2, "bypass_ended", person="Li", until=line.clock + 2 * MINUTE)
    assert words(line) == ""


def test_a_failure_counts_the_parts_that_are_suspect_for_a_day(line):
    for number, serial in enumerate("abc"):
        line.part(serial, "OK", ts=line.clock + number * timedelta(seconds=1))
    tell(line, 3, "failed", serial="OK-1", reason="judged NG, expected OK (why)", since=line.clock)
    assert words(line).startswith("Blocked master part OK-1 failed: judged NG, expected OK (why)")
    assert words(line).endswith("Suspect parts 2 parts since the last pass, as master part OK-1 failed.")
    tell(line, 4, "passed")
    assert words(line).startswith("Suspect parts 2")
    assert words(line, later=timedelta(days=2)) == ""


def test_a_station_that_never_judged_a_part_tells_its_release_too(line):
    tell(line, 1, "blocked", reason="no master part was judged here yet")
    assert station_now(line.db, 1, "weld-check").release.blocked


@pytest.mark.parametrize(
    "cause",
    [
        "no master part was judged here yet",
        "changeover to A-1",
        "shift day began",
        "master part OK-1 failed: judged NG, expected OK (crater with score 0.91 in view top)",
        "master part NG-1 failed: not rejected for crater",
        "master part OK-1 failed: light of view top is 0.70 of the reference's; focus of view top is 0.4",
        "master part OK-1 failed: view top moved by 4.9 % of the picture",
    ],
)
def test_every_cause_is_said_in_chinese(cause):
    assert re.search("(?i)master|shift|light|view|failed|changeover|crater", CHINESE.cause(cause)) is None
    assert CHINESE.reason(f"Station not released: {cause}.").startswith("工位未放行：")
    assert SAY.reason(f"Station not released: {cause}.") == f"Station not released: {cause}."
    assert CHINESE.trouble(f"Station not released: {cause}.").startswith("工位未放行：")


def test_a_bypassed_part_says_so_in_chinese():
    recorded = "Not inspected: bypass by Li until 2026-03-02 12:02:00 UTC, camera broken."
    assert CHINESE.reason(recorded) == "未检测：Li 批准旁路至 2026-03-02 12:02:00 UTC，camera broken。"
    assert CHINESE.reason(f"{recorded} No picture of the part came.").endswith("。没有收到该件的图像。")
    assert SAY.reason(recorded) == recorded
