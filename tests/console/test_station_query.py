from datetime import timedelta

import pytest

from engine.console.data import Balance, Tally
from engine.console.station_query import RECENT, frames_near, station_counts, station_now

MINUTE = timedelta(minutes=1)


def seen(line):
    return station_now(line.db, 1, "weld-check")


def counted(line, speed=60.0):
    day = line.clock.replace(hour=0)
    return station_counts(line.db, 1, "weld-check", ["cam1"], line.clock, day, speed)


def test_a_station_without_parts(line):
    assert seen(line).parts == ()
    assert counted(line).today == Tally(0, 0, 0)
    assert counted(line).cameras == ()


def test_the_newest_part_comes_with_its_pictures_and_findings(line):
    line.part("A", "OK", ts=line.clock - MINUTE, picture=b"first")
    line.part("B", "NG", picture=b"second", findings=[("crater", 0.9, (1, 2, 3, 4))], size=(640, 480))
    now = seen(line)
    assert [part.serial for part in now.parts] == ["B", "A"]
    assert (now.pictures[0].width, now.pictures[0].height) == (640, 480)
    assert now.pictures[0].frame_hash == now.parts[0].thumbnail
    assert [(item.label, item.box) for item in now.pictures[0].findings] == [("crater", (1, 2, 3, 4))]


def test_findings_of_other_parts_stay_away(line):
    line.part("A", "NG", ts=line.clock - MINUTE, picture=b"first", findings=[("crater", 0.9, (1, 2, 3, 4))])
    line.part("B", "OK", picture=b"second")
    assert seen(line).pictures[0].findings == ()


def test_a_serial_that_comes_again_shows_its_newest_picture(line):
    line.part("A", "NG", ts=line.clock - MINUTE, picture=b"first")
    line.part("A", "OK", picture=b"second")
    assert len(seen(line).pictures) == 1
    assert seen(line).parts[0].thumbnail == seen(line).pictures[0].frame_hash


def test_no_more_parts_than_the_page_shows(line):
    for number in range(RECENT + 5):
        line.part(f"part-{number:02}", "OK", ts=line.clock + number * MINUTE)
    assert len(seen(line).parts) == RECENT


def test_a_picture_that_could_not_be_read_has_no_size(line):
    line.part("A", "REVIEW", "View front: the picture cannot be read.", picture=b"x", size=(None, None))
    assert (seen(line).pictures[0].width, seen(line).parts[0].thumbnail) == (0, None)


def test_parts_are_counted_since_midnight_and_since_the_run_began(line):
    line.part("yesterday", "OK", ts=line.clock - timedelta(hours=13))
    for serial, outcome in (("a", "OK"), ("b", "OK"), ("c", "NG"), ("d", "REVIEW")):
        line.part(serial, outcome)
    assert counted(line).today == Tally(2, 1, 1)
    assert counted(line).run == Tally(3, 1, 1)
    assert counted(line).run_since == line.clock - timedelta(hours=13)


@pytest.mark.parametrize(("speed", "parts"), [(1.0, 1), (60.0, 3)])
def test_the_pace_is_of_real_time(line, speed, parts):
    for minutes in (0, 5, 50, 70):
        line.part(f"{minutes}", "OK", ts=line.clock - minutes * MINUTE)
    assert counted(line, speed).per_minute == parts


def test_another_tenant_s_parts_are_not_there(line):
    line.part("A", "OK")
    assert station_now(line.db, 2, "weld-check").parts == ()


def test_the_ledger_of_the_newest_run(line):
    line.part("A", "OK")
    line.lost("dropped", 2)
    line.lost("late")
    since = line.clock
    assert counted(line).cameras == (Balance("cam1", "run-1", since, 4, 1, 2, 1, 0, 0),)


def test_a_gap_in_the_ledger_is_a_difference(line):
    line.part("A", "OK")
    line.frames += 3
    line.part("B", "OK")
    assert counted(line).cameras[0].difference == 3


def test_shares():
    assert Tally(1, 1, 2).share(2) == 0.5
    assert Tally(0, 0, 0).share(0) is None


def test_frames_are_looked_for_near_their_parts(line):
    line.part("A", "OK")
    assert set(frames_near(line.db, 1, "weld-check", {"A": line.clock})) == {"A"}
    assert frames_near(line.db, 1, "weld-check", {"A": line.clock + timedelta(hours=3)}) == {}
