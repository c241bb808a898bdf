"""A model looks on at a station, and the station notices when what it sees has moved."""

import threading
from dataclasses import replace
from itertools import count

import numpy as np
import orjson
import pytest

from engine.approvals.telling import Teller
from engine.approvals.testing import person, sign
from engine.paths import Home
from engine.plant import StationSection
from engine.station_drift import LIMIT, SCORE, Drift, Reference, stability
from engine.station_shadow import ROOM, Shadow, read_shadows, set_shadow
from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.reader import FileLogReader
from streams.log.relay import LogRelay
from streams.log.server import LogServer
from streams.log.wire import Answer
from streams.log.writer import LogWriter
from streams.testing import running
from vision import pictures
from vision.assembly import Part
from vision.records import Finding, Frame, Outcome, Verdict, Versions, View
from vision.testing import picture, write_model

WAIT = 60.0
SECTION = StationSection(name="weld", cameras=[], model="tiny")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").create()


class Heard:
    """Remember what was said, and let a test wait for it."""

    def __init__(self):
        self.verdicts, self.changed = [], threading.Condition()

    def __call__(self, verdict):
        with self.changed:
            self.verdicts.append(verdict)
            self.changed.notify_all()

    def wait(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, WAIT)


def part(number, red=200):
    encoded = pictures.encode_whole(picture(red, seed=number))
    return Part(str(number), 1, (Frame("cam", "front", "1", number, number, encoded, None, str(number)),))


def until(check, action=lambda: None):
    for _ in range(2000):
        if check():
            return
        action()
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen in time")


def test_a_model_looks_on_when_it_is_named_and_no_more_when_it_is_not(home):
    model, heard = write_model(home.models, "tiny"), Heard()
    shadow = Shadow(SECTION.name, SECTION, home, heard)
    shadow.look()
    shadow.offer(part(1), "demo")
    assert (shadow.inspected, shadow.passed_by) == (0, 0)
    set_shadow(home, "weld", model)
    assert read_shadows(home) == {"weld": f"tiny@{model.hash}"}
    shadow.look()
    until(lambda: heard.verdicts, lambda: shadow.offer(part(2), "demo"))
    assert heard.verdicts[0].outcome == "NG"
    assert heard.verdicts[0].versions.model == model.hash
    set_shadow(home, "weld", None)
    shadow.look()
    until(lambda: shadow._inspector is None, shadow.look)
    shadow.close()
    assert shadow.inspected == len(heard.verdicts)


def test_parts_pass_it_by_while_it_is_busy(home):
    set_shadow(home, "weld", write_model(home.models, "tiny"))
    go, begun = threading.Event(), threading.Event()

    def say(verdict):
        begun.set()
        assert go.wait(WAIT)

    shadow = Shadow(SECTION.name, SECTION, home, say)
    shadow.look()
    until(begun.is_set, lambda: shadow.offer(part(1), "demo"))
    before = shadow.passed_by
    for number in range(2, 12):
        shadow.offer(part(number), "demo")
    assert shadow.passed_by - before >= 10 - ROOM
    go.set()
    shadow.close(WAIT)


def test_what_cannot_look_on_is_said_and_harms_nobody(home):
    heard = Heard()
    shadow = Shadow(SECTION.name, SECTION, home, heard)
    home.shadows.write_text('{"weld": "nothing@0123456789ab"}')
    shadow.look()
    until(lambda: "There is no model" in shadow.troubles.get("shadow", ""))
    home.shadows.write_text("[]")
    until(lambda: "names no models" in shadow.troubles.get("shadow", ""), shadow.look)
    shadow.offer(part(1), "demo")
    shadow.close(WAIT)
    assert not heard.verdicts


NUMBERS = count(1)


def verdict(level, model="m", sharpness=50.0, score=None, part_number="demo"):
    quality = {"mean": level, "contrast": 20.0, "sharpness": sharpness, "dark": 0.0}
    found = () if score is None else (Finding("crater", score, (0.0, 0.0, 1.0, 1.0)),)
    seen = View("cam", "front", "1", 1, next(NUMBERS), "aa", 64, 64, quality, found)
    return Verdict("weld", "S", part_number, 1, seen.ts, Outcome.OK, "", Versions(model, "p", "r"), (seen,))


def see(drift, levels, **others):
    return [told for level in levels for told in drift.take(verdict(float(level), **others))]


def test_the_same_light_is_no_drift_and_another_is(tmp_path):
    draw, drift = np.random.default_rng(7), Drift("weld", tmp_path / "weld.drift")
    assert see(drift, draw.normal(120, 5, 500)) == []
    same = see(drift, draw.normal(120, 5, 500))
    assert {told.measure for told in same} == {"mean", "contrast", "sharpness", SCORE}
    assert max(told.psi for told in same) < 0.15
    assert not drift.trouble
    darker = {told.measure: told for told in see(drift, draw.normal(110, 5, 500))}
    assert darker["mean"].psi > 1
    assert darker["contrast"].psi < 0.01
    assert "View front: mean has drifted from 119.4 to 109.9" in drift.trouble
    assert "seamline models drift weld --reset" in drift.trouble
    see(drift, draw.normal(120, 5, 500))
    assert not drift.trouble


def test_a_measure_that_never_varied_is_missed_nowhere(tmp_path):
    drift = Drift("weld", tmp_path / "weld.drift", window=100)
    see(drift, [100.0] * 200)
    assert not drift.trouble
    told = {item.measure: item for item in see(drift, [100.001] * 100)}
    assert told["mean"].psi > LIMIT


def test_the_reference_outlives_the_process_and_is_begun_anew_on_demand(tmp_path):
    file = tmp_path / "weld.drift"
    see(Drift("weld", file, window=50), np.linspace(100, 120, 50))
    again = Drift("weld", file, window=50)
    see(again, np.linspace(180, 200, 50))
    assert again.trouble
    file.unlink()
    again.look()
    assert not again.trouble
    for _ in range(2):
        see(again, np.linspace(180, 200, 50))
    assert not again.trouble
    for wrong in ("", "{}", "[3]", '[{"edges": 1}]', "no json"):
        file.write_text(wrong)
        see(Drift("weld", file, window=50), np.linspace(100, 120, 100))


def test_a_reference_is_learnt_and_a_window_filled_over_many_short_runs(tmp_path):
    file, levels = tmp_path / "weld.drift", iter([*np.linspace(100, 120, 50), *np.linspace(180, 200, 50)])
    for run in range(10):
        drift = Drift("weld", file, window=50)
        told = see(drift, [next(levels) for _ in range(10)])
        frames = 10 * (run % 5 + 1) % 50
        assert set(drift.progress(run >= 4).values()) == {frames}
        assert set(drift.progress(run < 4).values()) == set()
        drift.close()
    assert {item.measure for item in told} == {"mean", "contrast", "sharpness", SCORE}
    assert drift.trouble
    assert Drift("weld", file, window=50).trouble == drift.trouble


def test_a_station_that_is_killed_keeps_what_it_had_learnt_and_a_reset_forgets_it(tmp_path):
    file = tmp_path / "weld.drift"
    killed = Drift("weld", file, window=50)
    see(killed, [100.0] * 10)
    killed.look()
    again = Drift("weld", file, window=50)
    assert set(again.progress(False).values()) == {10}
    see(again, [100.0])
    file.unlink()
    again.close()
    assert (again.progress(False), file.exists()) == ({}, False)


def test_a_file_of_before_holds_references_only(tmp_path):
    file = tmp_path / "weld.drift"
    key = {"part_number": "demo", "view": "front", "measure": "mean", "model": ""}
    file.write_bytes(orjson.dumps([{**key, "edges": [100.0], "counts": [0, 50, 0], "mean": 100.0}]))
    drift = Drift("weld", file, window=50)
    see(drift, [200.0] * 50)
    assert "mean has drifted from 100 to 200" in drift.trouble


def test_the_scores_of_another_model_have_another_reference(tmp_path):
    drift = Drift("weld", tmp_path / "weld.drift", window=50)
    see(drift, np.linspace(100, 120, 50), score=0.1)
    see(drift, np.linspace(100, 120, 50), score=0.9)
    assert "score has drifted from 0.1 to 0.9" in drift.trouble
    see(drift, np.linspace(100, 120, 50), score=0.9, model="other")
    assert not drift.trouble
    told = {item.measure for item in see(drift, np.linspace(100, 120, 50), score=0.9, model="other")}
    assert SCORE in told
    assert not drift.trouble


def test_a_full_disk_ends_no_station(tmp_path):
    drift = Drift("weld", tmp_path / "nowhere" / "weld.drift", window=50)
    see(drift, np.linspace(100, 120, 100))
    assert len(drift.windows()) == 4


def test_a_measure_that_is_no_number_is_passed_over(tmp_path):
    drift = Drift("weld", tmp_path / "weld.drift", window=50)
    see(drift, [float("nan")] * 100)
    assert {key.measure for key in drift.windows()} == {"contrast", "sharpness", SCORE}


def test_an_unreadable_frame_tells_nothing(tmp_path):
    drift = Drift("weld", tmp_path / "weld.drift", window=1)
    broken = verdict(1.0)
    view = View("cam", "front", "1", 1, 1, "", 0, 0, {}, (), "unreadable")
    assert drift.take(replace(broken, views=(view,))) == []


def test_the_index_is_that_of_the_textbook():
    reference, seen = np.array([100, 200, 700]), np.array([300, 300, 400])
    p, q = (reference + 0.5) / 1001.5, (seen + 0.5) / 1001.5
    assert stability(reference, seen) == pytest.approx(float(((p - q) * np.log(p / q)).sum()))
    assert Reference.of([1.0] * 5).counts == (0, 5, 0)


def test_every_line_is_told_once_whoever_tells_it(home, tmp_path):
    model, wang = write_model(home.models, "tiny"), person(home)
    sign(home, wang, model, "1")
    endpoint = f"ipc://{tmp_path}/a.sock"
    writer = LogWriter(tmp_path / "log", ManualClock())
    server = LogServer(endpoint, "line-1", writer)
    relays = [LogRelay(endpoint, "line-1", "models") for _ in range(3)]
    tellers = [Teller(home, relay, period=0.02) for relay in relays[:2]]
    with running(server.run), running(tellers[0].run), running(tellers[1].run):
        until(lambda: [teller.told for teller in tellers] == [2, 2])
        sign(home, wang, model, "2")
        until(lambda: [teller.told for teller in tellers] == [3, 3])
        late = Teller(home, relays[2], period=0.02)
        with running(late.run):
            until(lambda: late.told == 3)
    for relay in relays:
        relay.close()
    server.__exit__()
    writer.close()
    reader = FileLogReader(tmp_path / "log")
    told = [entry.payload for entry in reader.read(0, 1 << 20) if entry.kind is Kind.APPROVAL]
    reader.close()
    assert told == home.approvals.read_bytes().splitlines()


def test_an_answer_that_nobody_understands_does_not_end_the_telling(home):
    class Relay:
        def __init__(self):
            self.sent, self.heard = [], [ValueError("2 frames are no answer")]

        def send(self, sender, number, *rest):
            self.sent.append(number)
            return ""

        def answers(self):
            while self.heard:
                raise self.heard.pop()
            return [Answer(number) for number in self.sent]

    sign(home, person(home), write_model(home.models, "tiny"), "1")
    teller = Teller(home, Relay(), period=0.02)
    with running(teller.run):
        until(lambda: teller.told == 2)


def test_whatever_a_model_does_that_is_opened_the_next_one_may_look_on(home, monkeypatch):
    def breaks(shadow, name):
        raise RuntimeError("no memory for its lanes")

    set_shadow(home, "weld", write_model(home.models, "tiny"))
    heard = Heard()
    shadow = Shadow(SECTION.name, SECTION, home, heard)
    with monkeypatch.context() as patch:
        patch.setattr(Shadow, "_open", breaks)
        shadow.look()
        until(lambda: shadow.trouble == "Nobody looks on: no memory for its lanes")
    set_shadow(home, "weld", write_model(home.models, "other"))
    shadow.look()
    until(lambda: heard.verdicts, lambda: shadow.offer(part(1), "demo"))
    shadow.close()


def test_another_part_number_has_another_reference(tmp_path):
    drift = Drift("weld", tmp_path / "weld.drift", window=50)
    for number, level in (("4711", 100), ("4712", 200)) * 3:
        see(drift, np.linspace(level, level + 10, 50), part_number=number, model=number)
    assert {key.part_number for key in drift.windows()} == {"4711", "4712"}
    assert not drift.trouble
    assert {key.measure for key in drift.windows()} == {"mean", "contrast", "sharpness", SCORE}


def test_a_part_of_another_recipe_is_none_of_its_parts(home):
    set_shadow(home, "weld", write_model(home.models, "tiny"))
    heard = Heard()
    shadow = Shadow(SECTION.name, SECTION, home, heard)
    shadow.look()
    until(lambda: heard.verdicts, lambda: shadow.offer(part(1), "demo"))
    seen = shadow.inspected + shadow.passed_by
    for number in range(20):
        shadow.offer(part(number), "4712")
    shadow.close(WAIT)
    assert shadow.inspected + shadow.passed_by <= seen + ROOM
    assert shadow.passed_by < 20
