"""The review page: what waits, why, and how a person decides."""

from __future__ import annotations

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from engine.console import review_page
from engine.console.data import Finding, Part, Picture
from engine.console.locale import Locale
from engine.console.pages.review import Desk
from engine.console.poller import Feed
from engine.console.review_query import Waiting, doubt, waiting

SAY, ZH = (Locale(language, ZoneInfo("UTC")) for language in ("en", "zh"))
BANDS = {"review_above": 0.25, "reject_above": 0.5, "timezone": "UTC"}
CRATER = "crater with score 0.31 in view front lies in the review band 0.25 to 0.5."


def station(line):
    """Register the line's station with its bands, once."""
    line.db.execute("INSERT INTO tenants VALUES (1, 'Hall') ON CONFLICT DO NOTHING")
    line.db.execute(
        "INSERT INTO machines VALUES (1, 'weld-check', 'station', 'line-1', %s)"
        " ON CONFLICT (tenant_id, name) DO UPDATE SET settings = excluded.settings",
        [Jsonb(BANDS)],
    )


def a_part(clock, serial="S-1", outcome="REVIEW", uncertainty=0.7, novelty=0.0):
    part = Part(serial, "4711", 1, clock, outcome, CRATER, "m" * 64, "", "", None)
    seen = Picture("cam1", "front", "d" * 64, 416, 416, (Finding("crater", 0.31, (10, 20, 30, 60), None),))
    return Waiting("weld-check", uncertainty, novelty, part, (seen,))


def test_a_part_is_shown_with_the_reason_why_it_waits(a_plant, line):
    item = a_part(line.clock)
    drawing = review_page.picture(item, a_plant().stations, SAY)
    assert 'class="finding finding--doubt"' in drawing
    words = review_page.facts(item, SAY)
    assert "Crater with score 0.31" in words
    assert "70" in words
    assert 'href="/part/S-1"' in words
    assert "处于复核区间" in review_page.facts(item, ZH)
    assert 'href="/part/S-1?lang=zh"' in review_page.facts(item, ZH)


def test_where_nothing_waits_the_page_says_so(a_plant):
    assert "Nothing waits for a decision" in review_page.picture(None, a_plant().stations, SAY)
    assert review_page.facts(None, SAY) == ""
    assert "<li" not in review_page.queue([], SAY)


def test_what_comes_next_is_a_list_in_its_order(line):
    items = [a_part(line.clock, f"S-{number}", uncertainty=number / 10) for number in (9, 5, 2)]
    drawing = review_page.queue(items, SAY)
    assert [drawing.index(f'data-waiting="S-{number}"') for number in (9, 5, 2)] == sorted(
        drawing.index(f'data-waiting="S-{number}"') for number in (9, 5, 2)
    )
    assert "--share:0.450" in drawing


def test_a_desk_forgets_what_was_decided_at_once(line):
    feed = Feed("review", lambda db: ())
    desk = Desk(feed)
    assert desk.item is None
    feed.take(tuple(a_part(line.clock, serial) for serial in ("a", "b")))
    assert desk.item.part.serial == "a"
    desk.done.add(desk.item.key)
    assert [item.part.serial for item in desk.waiting] == ["b"]


def test_the_queue_is_read_with_its_pictures(line):
    station(line)
    boxes = [("crater", 0.31, (1.0, 2.0, 30.0, 40.0))]
    line.part("doubtful", "REVIEW", CRATER, picture=b"\xff\xd8\xff", findings=boxes)
    line.part("sound", "OK", ts=line.clock + timedelta(seconds=1), picture=b"\xff\xd8\xff2")
    (item,) = waiting(line.db, 1)
    assert (item.part.serial, item.station, round(item.uncertainty, 2)) == ("doubtful", "weld-check", 0.74)
    assert item.pictures[0].findings[0].label == "crater"
    assert waiting(line.db, 2) == ()


def test_the_picture_with_the_worst_defect_is_looked_at_first():
    bead = Finding("good", 0.95, (0.0, 0.0, 9.0, 9.0), None, judged="feature")
    pore = Finding("Surface_pores", 0.2, (0.0, 0.0, 9.0, 9.0), None, judged="review")
    clean, doubtful = (
        Picture("c", view, "0" * 64, 9, 9, found)
        for view, found in (("left", (bead,)), ("right", (bead, pore)))
    )
    assert sorted([clean, doubtful], key=doubt, reverse=True) == [doubtful, clean]


def test_the_page_asks_the_database_for_what_it_has(line):
    """A decision leaves the queue."""
    station(line)
    line.part("doubtful", "REVIEW", CRATER)
    row = {"tenant_id": 1, "station": "weld-check", "serial": "doubtful", "attempt": 1, "ts": line.clock}
    row |= {"decision": "OK", "label": "", "boxes": json.dumps([]), "reason": "clean", "person": "Li Wei"}
    assert len(waiting(line.db, 1)) == 1
    line.insert("reviews", **row)
    assert waiting(line.db, 1) == ()
