"""The part page drawn from values, without database or browser."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from engine.console import part_page
from engine.console.around import line as draw_line
from engine.console.data import Anomaly, Finding, Part, Picture, State
from engine.console.locale import Locale
from engine.console.pages.part import model_names
from engine.console.part_query import Attempt, Frame, Machine, Shift, Trace
from engine.console.poller import Feed
from engine.paths import Home
from engine.recipe import recipe_of
from vision.testing import write_model

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SAY, CHINESE = Locale("en", ZoneInfo("UTC")), Locale("zh", ZoneInfo("UTC"))
DIGEST = "d" * 64


def mill(*states, anomalies=(), shift=None):
    return Machine("mill", states, anomalies, shift)


def attempt(verdict="NG", number=1, recipe="c" * 64, machines=(), **frame):
    part = Part(
        "S-1",
        "demo",
        number,
        NOON,
        verdict,
        "crater with score 0.91 in view top.",
        "a" * 64,
        "b" * 64,
        recipe,
        None,
    )
    entry = {
        "camera": "cam1", "view": "top", "run": "3", "first": 7, "last": 7, "ts": NOON,
        "outcome": "inspected", "reason": "", "frame_hash": DIGEST, "width": 640, "height": 480,
        "quality": {"sharpness": 12.3456, "blank": None},
    }  # fmt: skip
    picture = Picture("cam1", "top", DIGEST, 640, 480, (Finding("crater", 0.91, (1, 2, 3, 4), None),))
    return Attempt("weld-check", "mill", part, (picture,), (Frame(**entry | frame),), machines)


def drawn(*attempts, plant=None, names=None, say=SAY):
    stations = plant.stations if plant else ()
    return part_page.attempts(Trace("S-1", attempts, False), stations, names or {}, NOON, say)


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_who_the_part_was_is_said_and_what_nobody_said_is_left_out():
    told = (("line_answer", "NG"), ("order", "O-77"), ("operator", "Li Na"), ("serial_source", "plc"))
    said = words(drawn(replace(attempt(), identity=told)))
    assert "The line was told NG Order O-77 Operator Li Na Serial from the PLC" in said
    assert "Fixture" not in said
    chinese = drawn(replace(attempt(), identity=told), say=CHINESE)
    assert "反馈产线" in chinese


def test_every_verdict_stands_in_the_history():
    found = Trace("S-1", (attempt("OK", number=2), attempt()), False)
    drawing = part_page.history(found, SAY)
    assert "2 in all" in drawing
    assert words(drawing).count("2026-03-02 12:00:00 weld-check Attempt") == 2
    assert re.findall(r'href="(#[^"]+)"', drawing) == ["#verdict-0", "#verdict-1"]
    assert "newest 12 verdicts" in part_page.history(replace(found, more=True), SAY)
    assert part_page.history(None, SAY) == ""


def test_a_verdict_in_full(a_plant):
    drawing = drawn(attempt(), plant=a_plant(), names={"a" * 64: "weld-pipe"})
    said = words(drawing)
    assert f"/evidence/{DIGEST}" in drawing
    assert 'class="finding finding--defect"' in drawing
    assert "Crater with score 0.91 in view top." in said
    assert f"Model weld-pipe {'a' * 64} Preprocessing {'b' * 64} Recipe {'c' * 64} Picture {DIGEST}" in said
    assert "Counts for the OEE of mill" in said
    assert (
        "run 3, 7 Captured 2026-03-02 12:00:00 Ended as inspected Picture 640 × 480 · sharpness 12.346"
        in said
    )


def test_limits_of_today_are_told_from_those_of_then(a_plant):
    plant = a_plant()
    assert "today's limits" in drawn(attempt(), plant=plant)
    assert "today's limits" not in drawn(attempt(recipe=recipe_of(plant.stations[0]).hash), plant=plant)


def test_a_station_that_is_no_more_keeps_its_verdicts(a_plant):
    assert "finding--defect" in drawn(attempt(), plant=a_plant(stations=[]))


def test_lost_frames_say_why():
    drawing = drawn(
        attempt(first=8, last=10, outcome="late", reason="after_verdict", frame_hash=None, width=None)
    )
    assert "run 3, 8 to 10" in drawing
    assert "late (after_verdict)" in drawing
    none = Trace("S-1", (replace(attempt(), frames=()),), False)
    assert "names no frame" in part_page.attempts(none, (), {}, NOON, SAY)


def test_the_line_at_that_time():
    run = State(NOON - 5 * MINUTE, NOON + MINUTE, "run", "ACTIVE", "792")
    stop = State(NOON + MINUTE, None, "stop", "FEED_HOLD", None)
    scores = (Anomaly(NOON - MINUTE, 4.0, 3.0, "load", 0.9), Anomaly(NOON, 1.0, 3.0, "load", 0.9))
    shift = Shift("early", NOON - 60 * MINUTE, NOON, 0.5, 0.8, None, 1.0)
    seen = attempt(machines=(mill(run, stop, anomalies=scores, shift=shift),))
    drawing = draw_line(seen, NOON + 60 * MINUTE, SAY)
    said = words(drawing)
    assert "mill Running since 11:55, 5 min 0 s ACTIVE program 792" in said
    assert "Highest anomaly score nearby: 4.00 of 3.00, from load above its threshold" in said
    assert "Shift early OEE 50.0 % Availability 80.0 % Performance – Quality 100.0 %" in said
    assert re.findall(r'class="state state--(\w+)"', drawing) == ["run", "stop"]
    assert 'points="280,0.' not in drawing
    assert re.search(r'points="280,[\d.]+ 300,[\d.]+"', drawing)


def test_states_are_not_drawn_beyond_the_plant_s_time():
    seen = attempt(machines=(mill(State(NOON - 5 * MINUTE, None, "run", "ACTIVE", None)),))
    (width,) = re.findall(r'<rect x="200" y="0" width="(\d+)"', draw_line(seen, NOON, SAY))
    assert width == "100"


def test_a_time_of_which_nothing_is_known():
    assert "Nothing is known of that time." in draw_line(attempt(machines=(mill(),)), NOON, SAY)
    seen = attempt(machines=(mill(anomalies=(Anomaly(NOON, 1.0, 3.0, "load", 0.9),)),))
    assert "No state known of that moment" in draw_line(seen, NOON, SAY)
    assert "No shift accounted for" in draw_line(seen, NOON, SAY)


def test_one_sentence_says_why_there_is_nothing():
    feed = Feed("part", lambda db: None)
    assert "Type a serial" in part_page.sentence("", feed, SAY)
    assert "Looking for S-9" in part_page.sentence("S-9", feed, SAY)
    feed.miss(psycopg.OperationalError("away"))
    assert "does not answer since" in part_page.sentence("S-9", feed, SAY)
    feed.take(Trace("S-9", (), False))
    assert words(part_page.sentence("S-9", feed, SAY)).strip() == (
        "No verdict is known of a part S-9: check the serial, or wait until it is inspected."
    )
    assert "没有零件 S-9 的判定记录" in part_page.sentence("S-9", feed, CHINESE)
    feed.take(Trace("S-9", (attempt(),), False))
    assert part_page.sentence("S-9", feed, SAY) == ""


def test_text_from_the_line_cannot_become_markup():
    evil = attempt(reason="<script>1</script>", camera="<img onerror=x>")
    evil = replace(evil, part=replace(evil.part, serial="<hr>", reason="<script>2</script>"))
    drawing = drawn(evil) + part_page.history(Trace("<hr>", (evil,), False), SAY)
    assert "&lt;script&gt;" in drawing
    assert not re.search(r"<script|<img onerror|<hr>", drawing)


def test_models_are_called_by_their_names(tmp_path):
    home = Home(tmp_path).create()
    model = write_model(home.models)
    (home.models / "broken").mkdir()
    assert model_names(home)[model.hash] == model.name
    assert "weld-pipe" in model_names(home).values()
    assert model_names(home) is model_names(home)
