from datetime import timedelta

import pytest

from engine.console.anomaly_query import HOURS, read_scores

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def mill(line):
    return read_scores(line.db, 1, line.clock).get("mill")


def above(line, begin, seconds, tag="load", share=0.9, score=4.0):
    for second in range(seconds):
        line.anomaly("mill", begin + second * SECOND, score, tag=tag, share=share)


def told(line):
    return [(item.began, item.ended, item.scores) for item in mill(line).alarms]


def test_a_line_without_scores(line):
    assert read_scores(line.db, 1, line.clock) == {}


def test_the_newest_score_with_its_tag(line):
    line.anomaly("mill", line.clock - MINUTE, 2.0, tag="load")
    line.anomaly("mill", line.clock - SECOND, 1.5, tag="speed", share=0.6)
    newest = mill(line).newest
    assert (newest.ts, newest.score, newest.tag, newest.share) == (line.clock - SECOND, 1.5, "speed", 0.6)


def test_the_highest_score_of_each_stretch(line):
    for second in range(600):
        line.anomaly("mill", line.clock - (600 - second) * SECOND, 9.0 if second == 300 else 1.0)
    found = mill(line)
    assert max(score for _, score in found.curve) == 9.0
    assert len(found.curve) == 20
    assert found.total == 600


def test_the_curve_begins_with_the_first_score(line):
    line.anomaly("mill", line.clock - 47 * MINUTE, 1.0)
    line.anomaly("mill", line.clock, 1.0)
    assert (mill(line).start, mill(line).end) == (line.clock - 50 * MINUTE, line.clock + 10 * MINUTE)


def test_scores_before_the_last_hours_are_not_shown(line):
    line.anomaly("mill", line.clock - HOURS - HOUR, 9.0)
    line.anomaly("mill", line.clock, 1.0)
    assert [score for _, score in mill(line).curve] == [1.0]
    assert mill(line).alarms == ()


def test_a_minute_of_calm_ends_an_alarm(line):
    begin = line.clock - HOUR
    above(line, begin, 10)
    above(line, begin + 60 * SECOND, 5)
    above(line, begin + 125 * SECOND, 1)
    line.anomaly("mill", line.clock, 1.0)
    assert told(line) == [
        (begin + 125 * SECOND, begin + 125 * SECOND, 1),
        (begin, begin + 64 * SECOND, 15),
    ]


def test_tags_explain_an_alarm_by_their_part_of_its_squares(line):
    above(line, line.clock - MINUTE, 3, "load", 0.5, score=4.0)
    above(line, line.clock - 30 * SECOND, 1, "speed", 1.0, score=8.0)
    tags = dict(mill(line).alarms[0].tags)
    assert tags == {"speed": pytest.approx(64 / 112), "load": pytest.approx(24 / 112)}
    assert next(iter(tags)) == "speed"


def test_an_alarm_lasts_until_a_minute_has_passed(line):
    above(line, line.clock - 90 * SECOND, 10)
    line.anomaly("mill", line.clock - 30 * SECOND, 1.0)
    assert mill(line).alarm == mill(line).alarms[0]
    line.anomaly("mill", line.clock, 1.0)
    assert mill(line).alarm is None


def test_machines_and_tenants_do_not_see_each_other(line):
    above(line, line.clock, 1)
    line.anomaly("lathe", line.clock, 1.0)
    assert read_scores(line.db, 1, line.clock)["lathe"].alarms == ()
    assert read_scores(line.db, 2, line.clock) == {}
