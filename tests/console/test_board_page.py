from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.console import board_page
from engine.console.data import (
    LOSSES,
    Alarm,
    Anomaly,
    Counts,
    MachineNow,
    Oee,
    Part,
    Scores,
    State,
    StationNow,
    Tally,
)
from engine.console.icons import SHAPES
from engine.console.locale import Locale
from engine.console.notices import Notice

SAY = Locale("en", ZoneInfo("UTC"))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHIFT = Oee(
    "early", NOON, NOON, 0, (0,) * len(LOSSES), 0, Tally(9, 1, 0), None, 0.81, 0.9, 0.9, 0.656
)  # fmt: skip


def machine(*states, oee=SHIFT):
    return MachineNow(NOON - HOUR, NOON + HOUR, states, oee)


def part(outcome, serial="S-1"):
    return Part(serial, "demo", 1, NOON, outcome, "", "", "", "", None)


def test_a_machine_s_state_and_oee():
    running = State(NOON - HOUR, None, "run", "ACTIVE", None)
    drawing = board_page.machine("mill", machine(running), NOON, SAY)
    assert 'data-lamp="run"' in drawing
    assert ">Running</strong>" in drawing
    assert "1 h 0 min" in drawing
    assert "66 %" in drawing
    assert "state--run" in drawing


def test_a_machine_of_which_nothing_is_known():
    drawing = board_page.machine("mill", None, NOON, SAY)
    assert 'data-lamp="no_data"' in drawing
    assert "–" in drawing


def scores(*alarms, newest=NOON):
    curve = ((NOON - HOUR, 1.0), (NOON, 4.0))
    return Scores(NOON - HOUR, NOON, curve, Anomaly(newest, 1.25, 3.0, "load", 0.8), alarms, 100, NOON)


def test_a_rig_tells_whether_it_is_as_usual():
    drawing = board_page.rig("pump", scores(), SAY)
    assert 'data-lamp="quiet"' in drawing
    assert ">1.25<" in drawing


def test_a_rig_in_alarm_says_since_when_and_which_tag():
    alarm = Alarm(NOON - HOUR, NOON, 9, 4.0, 3.0, (("speed", 0.8),))
    drawing = board_page.rig("pump", scores(alarm), SAY)
    assert 'data-lamp="alarm"' in drawing
    assert "1 h 0 min" in drawing
    assert "<b>speed</b>deviates most" in drawing


@pytest.mark.parametrize("found", [None, scores(newest=NOON - HOUR)])
def test_a_rig_without_a_score_of_now_shows_none(found):
    drawing = board_page.rig("pump", found, SAY)
    assert 'data-lamp="old"' in drawing
    assert "1.25" not in drawing


def test_a_station_s_last_verdict_and_rejects():
    seen = StationNow((part("NG"), part("OK"), part("REVIEW")), ())
    tallies = Counts(Tally(90, 8, 2), Tally(0, 0, 0), NOON, 0.0, ())
    drawing = board_page.station("weld", machine(), seen, tallies, SAY)
    assert 'data-lamp="NG"' in drawing
    assert 'data-figure="rejects"><span>Rejects today</span><b>8</b>' in drawing
    assert "8.0 %" in drawing
    assert drawing.count("past-sign--") == 3


def test_a_station_before_its_first_part():
    drawing = board_page.station("weld", None, None, None, SAY)
    assert 'data-lamp="none"' in drawing
    assert "No part" in drawing


def test_text_from_the_line_stays_text():
    seen = StationNow((part("OK", "<script>"),), ())
    assert "<script>" not in board_page.station("<b>", None, seen, None, SAY)


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        (Notice("stop", "mill", NOON - HOUR, "FEED_HOLD"), "stopped</span><span>FEED_HOLD"),
        (Notice("no_data", "mill", NOON - HOUR, ""), "no data"),
        (Notice("anomaly", "mill", NOON - HOUR, "load"), "unusual</span><span>load"),
        (Notice("ledger", "mill", None, "3"), "3 frames not accounted for"),
    ],
)
def test_every_kind_of_notice_is_said_with_a_sign(notice, said):
    drawing = board_page.strip([notice], NOON, SAY)
    assert f"<b>mill</b><span>{said}</span>" in drawing
    assert ("1 h 0 min" in drawing) is (notice.since is not None)


def test_many_notices_are_counted():
    found = [Notice("stop", f"mill {number}", NOON, "") for number in range(board_page.SHOWN + 2)]
    drawing = board_page.strip(found, NOON, SAY)
    assert drawing.count('data-kind="stop"') == board_page.SHOWN
    assert "and 2 more" in drawing


def test_no_notice():
    assert "No alarm" in board_page.strip([], NOON, SAY)


def test_every_sign_exists():
    assert {*board_page.SIGNS.values(), *board_page.CONDITIONS.values()} <= SHAPES.keys()
