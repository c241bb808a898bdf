from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.console.anomalies_page import HEIGHT, SHOWN, alarms, chart, heading
from engine.console.data import Alarm, Anomaly, Scores
from engine.console.locale import Locale
from engine.console.notices import condition
from engine.console.pages.anomalies import watched

SAY = Locale("en", ZoneInfo("UTC"))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
START = NOON - timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def alarm(begin, end, tags=(("load", 0.8), ("<b>", 0.1))):
    return Alarm(START + begin * MINUTE, START + end * MINUTE, 60, 4.2, 3.0, tags)


def found(*found_alarms, curve=((0, 1.0), (1, 4.2), (2, 1.0)), newest=60, end=NOON):
    points = tuple((START + minute * MINUTE, score) for minute, score in curve)
    now = Anomaly(START + newest * MINUTE, 1.25, 3.0, "load", 0.42)
    return Scores(START, end, points, now, found_alarms, 3600, NOON)


def test_a_machine_that_is_as_usual():
    drawing = heading("mill", found(), SAY)
    assert 'data-condition="quiet"' in drawing
    assert "1.25 of 3.00" in drawing
    assert "load deviates most: 42 % of the score" in drawing


def test_an_alarm_says_since_when():
    drawing = heading("mill", found(alarm(50, 60)), SAY)
    assert 'data-condition="alarm"' in drawing
    assert "since 11:50, 10 min" in drawing


@pytest.mark.parametrize("scores", [None, found(newest=0)])
def test_a_score_that_is_old_or_missing_says_nothing_of_now(scores):
    assert condition(scores) == "old"
    drawing = heading("mill", scores, SAY)
    assert "As usual" not in drawing
    assert "1.25" not in drawing


def test_an_alarm_that_is_over_is_no_alarm_now():
    assert condition(found(alarm(10, 20))) == "quiet"


def test_the_curve_is_red_above_the_threshold_only():
    drawing = chart(found(alarm(1, 2)), SAY)
    limit = HEIGHT * (1 - 3.0 / 4.8)
    assert f'<svg width="600" height="{limit:g}" class="over">' in drawing
    assert '<rect x="10" y="0" width="10" height="100" class="band">' in drawing
    assert "threshold 3.00" in drawing


def test_missing_scores_break_the_curve():
    drawing = chart(found(curve=((0, 1.0), (1, 1.0), (12, 1.0), (13, 1.0))), SAY)
    assert drawing.count("<polyline") == 2


def test_alarms_are_listed_with_the_tags_that_explain_them():
    drawing = alarms(found(alarm(50, 60), alarm(10, 20)), SAY)
    assert "11:50 – now" in drawing
    assert "11:10 – 11:20" in drawing
    assert "peak 4.20" in drawing
    assert "≥ 80 %" in drawing
    assert "<b>&lt;" not in drawing
    assert "&lt;b&gt;" in drawing
    assert "2 in all, 3.3 % of the scores" in drawing


def test_many_alarms_are_counted():
    many = [alarm(50 - 3 * number, 51 - 3 * number) for number in range(SHOWN + 2)]
    drawing = alarms(found(*many), SAY)
    assert drawing.count("<li") == SHOWN
    assert "and 2 earlier ones" in drawing


def test_a_machine_without_alarms():
    assert "stayed below its threshold" in alarms(found(), SAY)
    assert alarms(None, SAY) == chart(None, SAY) == ""


def test_machines_with_a_watched_tag_are_shown(a_plant):
    assert watched(a_plant()) == ["mill"]
    assert watched(a_plant(machines=[])) == []
