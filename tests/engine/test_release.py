"""A station is released by its master parts, blocked by what changes, bypassed by name and for a time."""

import threading
from dataclasses import replace
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.inspectors import Inspectors, load_inspector
from engine.paths import Home
from engine.plant import Plant, SimulatedCamera
from engine.plant.machines import build_calendar
from engine.release import Basis, Bypass, Event, Gate, State, files, state
from engine.release.files import Order
from engine.release.masters import deviations, master_of
from engine.station_judge import StationJudge
from streams.clock import DAY, HOUR, MINUTE, SECOND
from vision import pictures
from vision.assembly import Part
from vision.cameras import Run
from vision.records import Outcome, Verdict
from vision.reference import Comparison
from vision.simulate import PartRenderer
from vision.testing import picture, write_model

T0 = 1_772_452_800 * SECOND
"""2 March 2026, 12:00 UTC."""
BASIS = Basis("A-1", "recipe", "model", "cameras", "lamp", "early 0")
ALL = ("OK-1", "NG-1")
OK, NG = 20, 200


def told(found):
    return [event.event for event in found.pending]


def shown(found, *masters, wrong=""):
    for step, master in enumerate(masters):
        found = state.show(found, T0 + step, master, master, wrong, ALL)
    return found


def released():
    return shown(state.watch(State("weld-1"), T0, BASIS), *ALL)


def test_a_station_is_blocked_until_all_its_master_parts_were_judged_as_expected():
    found = state.watch(State("weld-1"), T0, BASIS)
    assert (found.released, found.cause) == (False, "no master part was judged here yet")
    assert not shown(found, "OK-1", "OK-1").released
    assert shown(found, "OK-1", "NG-1").released
    assert told(shown(found, "OK-1", "NG-1")) == ["blocked", "master", "master", "passed"]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"part_number": "B-2"}, "changeover to B-2"),
        ({"model": "other"}, "changed: model"),
        ({"cameras": "other", "light": "other"}, "changed: cameras, light"),
        ({"recipe": "other"}, "changed: recipe"),
        ({"shift": "late 7"}, "shift late began"),
    ],
)
def test_what_changes_blocks_and_a_master_part_of_before_counts_no_more(change, cause):
    basis = replace(BASIS, **change)
    found = state.watch(shown(released(), "OK-1"), T0 + 9, basis)
    assert (found.cause, found.seen) == (cause, ())
    assert not shown(found, "NG-1").released
    assert shown(found, *ALL).released


def test_nothing_changed_tells_nothing():
    found = released()
    assert state.watch(found, T0 + HOUR, BASIS) is found


def test_what_needs_no_master_parts_blocks_nothing_and_what_comes_after_it_is_a_change():
    found = state.watch_free(released(), T0, replace(BASIS, part_number="B-2"))
    assert (found.released, told(found)) == (True, told(released()))
    assert state.watch(found, T0, BASIS).cause == "changeover to A-1"
    assert state.watch_free(State("weld-1"), T0, BASIS) == State("weld-1")


def test_a_failure_blocks_and_tells_since_when_parts_are_suspect():
    found = shown(replace(released(), pending=()), "OK-1", wrong="judged NG, expected OK")
    (event,) = found.pending
    assert (event.event, event.since, event.serial) == ("failed", T0 + 1, "OK-1")
    assert found.cause == "master part OK-1 failed: judged NG, expected OK"
    assert not shown(found, "NG-1").released


def test_a_bypass_ends_by_itself_and_leaves_the_release_as_it_was():
    found = state.begin_bypass(released(), T0, Bypass("Li", "line stop", T0 + MINUTE))
    assert state.watch(found, T0 + MINUTE - 1, BASIS).bypass
    after = state.watch(found, T0 + MINUTE, BASIS)
    assert (after.bypass, after.released) == (None, True)
    assert told(after)[-2:] == ["bypass_began", "bypass_ended"]


STEPS = st.lists(st.sampled_from(["OK-1", "NG-1", "wrong", "change", "block", "bypass"]), max_size=12)


def spoil(found, step, now, basis):
    if step == "wrong":
        return state.show(found, now, "OK-1", "OK-1", "wrong", ALL)
    return state.watch(found, now, basis) if step == "change" else state.block(found, now, "told", "Li")


@given(STEPS)
def test_it_is_released_only_when_every_master_part_passed_since_anything_else(steps):
    found, seen, released, basis = state.watch(State("w"), T0, BASIS), set(), False, BASIS
    for number, step in enumerate(steps):
        now = T0 + number
        if step in ALL:
            seen.add(step)
            found = state.show(found, now, step, step, "", ALL)
            released = released or seen == set(ALL)
            seen = set() if seen == set(ALL) else seen
        elif step == "bypass":
            found = state.begin_bypass(found, now, Bypass("Li", "why", now + 5))
        else:
            seen, released = set(), False
            basis = replace(basis, model=f"{number}") if step == "change" else basis
            found = spoil(found, step, now, basis)
        assert found.released == released
    numbers = [event.number for event in found.pending]
    assert numbers == sorted(set(numbers))
    assert State.from_plain(found.to_plain()) == found


def test_an_event_survives_the_log():
    event = Event("w", 7, T0, "failed", "A-1", "h", "why", serial="OK-1", since=5)
    assert Event.from_json(event.to_json()) == event
    with pytest.raises(ValueError, match="no event"):
        Event.from_json(replace(event, event="opened").to_json())


def test_deviations_are_told_in_words():
    section = plant().stations[0].tolerance
    assert list(deviations("top", Comparison(1.0, 0.9, 0.004), section)) == []
    assert list(deviations("top", Comparison(0.7, 0.4, 0.05), section)) == [
        "light of view top is 0.70 of the reference's",
        "focus of view top is 0.40 of the reference's",
        "view top moved by 5.0 % of the picture",
    ]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"identity": {"serial": "station"}}, "its identity numbers every part anew"),
        (
            {"cameras": [{"kind": "video", "name": "cam", "path": "0"}]},
            "no camera of kind video tells a serial",
        ),
    ],
)
def test_a_station_that_could_never_know_its_master_parts_is_refused(settings, why):
    with pytest.raises(ValueError, match=f"no master part could ever release weld-1: {why}"):
        plant(**settings)
    assert plant(**settings, masters=[]).stations
    recipe = {"name": "bracket", "version": "1", "part_number": "A-1", "model": "tiny", "masters": MASTERS}
    station = {"name": "weld-1", "cameras": [CAMERA], "recipes": ["bracket"]} | settings
    with pytest.raises(ValueError, match=why):
        Plant.model_validate({"name": "p", "recipes": [recipe], "stations": [station]})
    datamatrix = settings | {"identity": {"serial": "datamatrix"}}
    assert plant(**datamatrix).stations


def test_a_master_part_is_known_by_its_serial():
    masters = plant().stations[0].masters
    assert master_of("OK-1", masters).expect == "OK"
    assert master_of("NG-17", masters).expect == "NG"
    assert master_of("P-OK-1", masters) is None


MASTERS = [{"serial": "OK-1", "expect": "OK"}, {"serial": "NG-*", "expect": "NG", "finds": "Surface_pores"}]
CAMERA = SimulatedCamera(kind="simulated", name="cam", view="top")


def plant(**settings):
    station = {
        "name": "weld-1",
        "cameras": [CAMERA],
        "model": "tiny",
        "part_number": "A-1",
        "masters": MASTERS,
    }
    return Plant.model_validate({"name": "p", "stations": [station | settings]})


class Bench:
    """A station's judge with a clock of the test's own, started again as often as wanted."""

    def __init__(self, home, **settings):
        self.home, self.settings, self.clock, self.events = home, settings, T0, []
        self.corrected = 0  # microseconds that the clock was set forward since the PC was started
        self.start()

    def start(self, **changes):
        self.settings |= changes
        section = plant(**self.settings).stations[0]
        shifts = build_calendar(section.shifts, ZoneInfo("UTC")) if section.shifts else None
        recipes = {section.part_number: section}
        self.gate = Gate("weld-1", self.home, recipes, section.light, shifts, lambda: self.clock, self.uptime)
        inspectors = Inspectors([load_inspector("weld-1", section, self.home)])
        self.judge = StationJudge("weld-1", inspectors, self.gate)
        self.look()

    def uptime(self):
        return (self.clock - self.corrected - T0) / SECOND

    def set_clock(self, by):
        self.clock += by
        self.corrected += by

    def look(self, acknowledged=10**9, cameras=(CAMERA,)):
        self.gate.look(cameras, self.judge.inspector("A-1"))
        self.gate.report(self.send, acknowledged)

    def send(self, payload):
        self.events.append(Event.from_json(payload))
        return len(self.events)

    def part(self, serial, shown=OK):
        self.clock += SECOND
        image = picture(shown, seed=self.clock % 1000) if isinstance(shown, int) else shown
        frame = Run("cam", "top", "1", lambda: self.clock).frame(pictures.encode_whole(image), serial)
        return next(self.judge.turn("A-1")([Part(serial, 1, (frame,))]))

    def release(self, good=OK):
        return self.part("OK-1", good), self.part("NG-7", NG)

    @property
    def said(self):
        return [event.event for event in self.events]


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home").create()
    write_model(home.models)
    return home


@pytest.fixture
def bench(home):
    return Bench(home)


def test_parts_of_a_blocked_station_are_for_review_and_keep_their_findings(bench):
    verdict = bench.part("p1", NG)
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.reason == "Station not released: no master part was judged here yet."
    assert verdict.decision.rule == "release"
    assert [item.judged for item in verdict.views[0].findings] == ["feature", "reject"]
    assert bench.judge.troubles == {"release": verdict.reason}


def test_master_parts_release_it_and_are_no_parts_of_production(bench):
    good, bad = bench.release()
    assert [(item.outcome.value, item.purpose) for item in (good, bad)] == [
        ("OK", "master"),
        ("NG", "master"),
    ]
    assert (bench.part("p1").outcome, bench.part("p2", NG).outcome) == (Outcome.OK, Outcome.NG)
    assert bench.judge.troubles == {}
    bench.look()
    assert bench.said == ["blocked", "master", "master", "passed"]


def test_a_master_part_that_is_judged_otherwise_blocks_and_makes_parts_suspect(bench):
    bench.release()
    passed = bench.clock
    part = bench.part("p1")
    assert bench.part("OK-1", NG).outcome is Outcome.NG
    verdict = bench.part("p2")
    assert verdict.reason.startswith(
        "Station not released: master part OK-1 failed: judged NG, expected OK (Surf"
    )
    bench.look()
    assert (bench.events[-1].event, bench.events[-1].since) == ("failed", passed)
    assert [event.event for event in bench.events if event.number <= part.release][-1] == "passed"
    assert verdict.release == bench.events[-1].number


def test_a_bad_master_part_must_be_rejected_for_its_own_imperfection(home):
    bench = Bench(home, masters=[MASTERS[0], MASTERS[1] | {"finds": "crater"}])
    bench.release()
    assert bench.gate.state.cause == "master part NG-7 failed: not rejected for crater"


def test_a_release_outlives_the_station_and_another_lamp_does_not_inherit_it(bench):
    bench.release()
    bench.start()
    assert bench.part("p1").outcome is Outcome.OK
    bench.start(light="ring 7")
    assert bench.part("p2").reason == "Station not released: changed: light."
    bench.release()
    bench.look(cameras=(CAMERA.model_copy(update={"size": 64}),))
    assert bench.part("p3").reason == "Station not released: changed: cameras."


def test_another_model_asks_for_master_parts_too(bench, tmp_path):
    bench.release()
    bench.start(reject_above=0.7)
    assert bench.part("p1").reason == "Station not released: changed: recipe."


@pytest.mark.parametrize(
    "changes", [{"masters": [MASTERS[0], MASTERS[1] | {"finds": None}]}, {"tolerance": {"light": 0.9}}]
)
def test_other_master_parts_or_tolerances_do_not_inherit_a_release(bench, changes):
    bench.release()
    bench.start(**changes)
    assert bench.part("p1").reason == "Station not released: changed: recipe."
    bench.release()
    assert bench.part("p2").outcome is Outcome.OK


def test_a_model_that_is_exchanged_between_two_looks_judges_no_part_unreleased(bench):
    bench.release()
    inspector = bench.judge.inspector("A-1")
    inspector.versions = replace(inspector.versions, model="f" * 64)
    assert bench.part("p1").reason == "Station not released: changed: model."


class Two:
    """A station of A-1 and B-2, those that are ``free`` without masters, with a clock of the test's own."""

    def __init__(self, home, free=()):
        self.home, self.clock = home, T0
        self.start(free)
        self.look("A-1")

    def start(self, free=()):
        section = plant().stations[0]
        sections = {
            number: section.model_copy(
                update={"part_number": number, "masters": [] if number in free else section.masters}
            )
            for number in ("A-1", "B-2")
        }
        self.gate = Gate("weld-1", self.home, sections, "", None, lambda: self.clock)
        inspectors = Inspectors([load_inspector("weld-1", item, self.home) for item in sections.values()])
        self.judge = StationJudge("weld-1", inspectors, self.gate)

    def look(self, number):
        self.gate.look([CAMERA], self.judge.inspector(number))

    def part(self, serial, number, red=OK):
        self.clock += SECOND
        frame = Run("cam", "top", "1", lambda: self.clock).frame(
            pictures.encode_whole(picture(red, seed=self.clock % 1000)), serial
        )
        return next(self.judge.turn(number)([Part(serial, 1, (frame,))]))

    def release(self, number):
        return self.part("OK-1", number), self.part("NG-7", number, NG)


def test_a_changeover_lasts_until_the_next_and_each_part_number_is_released_by_its_own_masters(home):
    two = Two(home)
    two.release("A-1")
    assert two.part("p1", "A-1").outcome is Outcome.OK
    assert two.part("p2", "B-2").reason == "Station not released: changeover to B-2."
    two.release("B-2")
    two.look(two.gate.number)
    assert two.part("p3", "B-2").outcome is Outcome.OK
    assert two.gate.number == "B-2"


@pytest.mark.parametrize("between", ["nothing", "a look", "a start", "a start and a look"])
def test_a_part_number_without_masters_runs_freely_and_ends_the_release_of_the_one_before(home, between):
    two = Two(home, free=["B-2"])
    two.release("A-1")
    assert two.part("p1", "A-1").outcome is Outcome.OK
    assert two.part("p2", "B-2").outcome is Outcome.OK
    if "start" in between:
        two.start(free=["B-2"])
        assert two.gate.number == "B-2"
    if "look" in between:
        two.look("B-2")
    assert two.judge.troubles == {}
    assert two.part("p3", "A-1").reason == "Station not released: changeover to A-1."
    assert two.part("p4", "B-2").outcome is Outcome.OK, "it needs no release"
    two.release("A-1")
    assert two.part("p5", "A-1").outcome is Outcome.OK


def test_masters_that_were_left_out_for_a_while_are_shown_when_they_are_back(home):
    two = Two(home)
    two.release("A-1")
    two.start(free=["A-1"])
    assert two.part("p1", "A-1").outcome is Outcome.OK
    two.start()
    assert two.part("p2", "A-1").reason == "Station not released: changed: recipe."


def test_a_changeover_that_cannot_be_noted_holds_back_though_no_masters_are_needed(home, monkeypatch):
    two = Two(home, free=["B-2"])
    two.release("A-1")
    with monkeypatch.context() as patch:
        patch.setattr(files, "save", full)
        assert two.part("p1", "B-2").reason.startswith("The release cannot be noted")
    two.look("B-2")
    assert two.part("p2", "B-2").outcome is Outcome.OK
    two.start(free=["B-2"])
    assert two.part("p3", "A-1").reason == "Station not released: changeover to A-1."


def test_what_another_part_number_proved_meanwhile_makes_no_part_less_suspect(home):
    two = Two(home)
    two.release("A-1")
    passed = two.clock
    assert two.part("p1", "A-1").outcome is Outcome.OK
    two.release("B-2")
    two.part("OK-1", "A-1", NG)
    failure = two.gate.state.pending[-1]
    assert (failure.event, failure.part_number, failure.since) == ("failed", "A-1", passed)


def test_a_master_part_whose_pictures_are_exposed_for_another_part_number_proves_nothing(bench):
    bench.judge._stale = lambda number, frames: "B-2"
    good, bad = bench.release()
    assert {good.outcome, bad.outcome} == {Outcome.REVIEW}
    assert (good.purpose, good.reason) == ("master", "The cameras still stand as for B-2.")
    assert [event.event for event in bench.gate.state.pending] == []
    assert bench.said == ["blocked"]


def test_a_state_of_before_tells_one_pass_of_all_part_numbers(bench):
    bench.release()
    passed = bench.clock
    plain = bench.gate.state.to_plain() | {"passed": passed}
    files.write_file(files.state_file(bench.home, "weld-1"), orjson.dumps(plain))
    bench.start()
    assert bench.gate.state.released
    bench.part("OK-1", NG)
    assert bench.gate.state.pending[-1].since == passed


def test_every_shift_begins_blocked_and_its_end_blocks_nothing(home):
    shifts = [{"name": "day", "start": "06:00", "end": "13:00"}]
    bench = Bench(home, shifts=shifts)
    bench.release()
    bench.clock = T0 + 2 * HOUR
    bench.look()
    assert bench.part("p1").outcome is Outcome.OK
    bench.clock = T0 + 18 * HOUR - SECOND
    verdict = bench.part("p2")
    assert verdict.reason == "Station not released: shift day began.", "no look came before it"
    bench.look()
    assert bench.said[-1] == "blocked"
    assert bench.part("p3").reason == verdict.reason


def test_a_station_whose_recipe_has_no_master_parts_runs_as_ever(home):
    bench = Bench(home, masters=[])
    assert bench.part("p1").outcome is Outcome.OK
    assert (bench.said, bench.judge.troubles) == ([], {})


def test_light_focus_and_place_of_a_good_master_part_are_compared_with_the_reference(home, tmp_path):
    image = PartRenderer(1, 160).render(0, "top").image
    image[:, :, 2] //= 8
    (tmp_path / "top.png").write_bytes(pictures.encode_whole(image))
    bench = Bench(home, references={"top": str(tmp_path / "top.png")})
    bench.release(image)
    assert bench.gate.state.released
    shift = np.array([[1, 0, 8], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(image, shift, (160, 160), borderMode=cv2.BORDER_REFLECT)
    for spoiled, says in (
        ((image * 0.6).astype(np.uint8), "light of view top is 0.60"),
        (cv2.GaussianBlur(image, (0, 0), 1.5), "focus of view top is 0."),
        (moved, "view top moved by 4.9 %"),
    ):
        bench.release(spoiled)
        assert says in [event.reason for event in bench.gate.state.pending if event.event == "failed"][-1]
        bench.release(image)
        assert bench.gate.state.released


def test_a_bypass_lets_parts_by_uninspected_with_name_and_time_and_ends(bench):
    files.give(bench.home, "weld-1", Order("bypass", "Li", "camera broken", 2.0, given=1))
    bench.look()
    verdict = bench.part("p1", NG)
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.reason == "Not inspected: bypass by Li until 2026-03-02 12:02:00 UTC, camera broken."
    assert (verdict.decision.rule, verdict.views[0].rejected) == ("bypass", "bypass")
    bench.clock += 2 * MINUTE
    assert bench.part("p2").reason.startswith("Station not released")
    bench.look()
    assert [(event.event, event.person) for event in bench.events[1:]] == [
        ("bypass_began", "Li"),
        ("bypass_ended", "Li"),
    ]


def test_an_order_is_taken_once_however_often_it_lies_there(bench):
    order = Order("block", "Li", "fixture touched", given=5)
    for _ in range(2):
        files.give(bench.home, "weld-1", order)
        bench.look()
    assert bench.said.count("blocked") == 2
    assert bench.gate.state.cause == "fixture touched"
    assert files.take(bench.home, "weld-1") is None


@pytest.fixture
def bypassed(bench):
    """Give a station that was bypassed for an hour while the clock was a day ahead, and then set right."""
    bench.set_clock(DAY)
    files.give(bench.home, "weld-1", Order("bypass", "Li", "camera broken", 60.0, given=DAY))
    bench.look()
    bench.set_clock(-DAY)
    return bench


def test_an_order_is_obeyed_though_the_clock_was_set_back_since_the_one_before(bypassed):
    for at, what in ((5, "end_bypass"), (6, "end_bypass"), (7, "block")):
        files.give(bypassed.home, "weld-1", Order(what, "Wang", "mended", given=at))
        bypassed.look()
    assert bypassed.gate.bypass() is None
    assert bypassed.gate.state.cause == "mended"
    noted = files.load(bypassed.home, "weld-1")
    assert [noted.done(at) for at in (DAY, 5, 6, 7, 8)] == [
        "bypassed", "ended", "nothing", "blocked", "",
    ]  # fmt: skip


@pytest.mark.parametrize("starts", [0, 1])
def test_a_bypass_does_not_grow_when_the_clock_is_set_back(bypassed, starts):
    for _ in range(starts):
        bypassed.start()
    assert bypassed.gate.bypass().until == T0 + HOUR
    bypassed.clock += HOUR - SECOND
    assert bypassed.gate.bypass()
    bypassed.clock += SECOND
    assert bypassed.gate.bypass() is None
    bypassed.look()
    assert bypassed.said[-1] == "bypass_ended"


def test_a_bypass_lasts_no_longer_after_the_pc_began_anew_with_its_clock_set_back(bench, monkeypatch):
    files.give(bench.home, "weld-1", Order("bypass", "Li", "camera broken", 60.0, given=1))
    bench.look()
    monkeypatch.setattr("engine.release.gate.boot", lambda: "another")
    bench.set_clock(-DAY)
    bench.start()
    bench.clock += HOUR
    assert bench.gate.bypass() is None


def test_an_order_that_comes_while_another_is_obeyed_is_obeyed_next(bench, monkeypatch):
    files.give(bench.home, "weld-1", Order("bypass", "Li", "camera broken", 2.0, given=5))
    save = files.save

    def meanwhile(home, state):
        monkeypatch.setattr(files, "save", save)
        files.give(home, "weld-1", Order("end_bypass", "Wang", "mended", given=11))
        save(home, state)

    monkeypatch.setattr(files, "save", meanwhile)
    bench.look()
    assert bench.gate.bypass() is not None
    bench.look()
    assert bench.gate.bypass() is None
    assert files.take(bench.home, "weld-1") is None


def test_events_that_the_log_did_not_acknowledge_are_sent_again_with_their_number(bench):
    bench.release()
    bench.look(acknowledged=1)
    sent = list(bench.events)
    bench.start()
    again = bench.events[len(sent) :]
    assert [event.number for event in again] == [event.number for event in sent[1:]]
    bench.start()
    assert len(bench.events) == len(sent) + len(again)


def full(*_):
    raise OSError(28, "No space left on device")


def test_a_release_that_cannot_be_noted_is_told_and_holds_back_until_it_is(bench, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_file", full)
        patch.setattr(files, "overwrite", full)
        bench.release()
        why = "The release cannot be noted: No space left on device; make room on the disk."
        assert bench.judge.troubles["release"] == why
        bench.look()
        verdict = bench.part("p1")
        assert (verdict.outcome, verdict.reason) == (Outcome.REVIEW, why)
    bench.look()
    assert bench.judge.troubles == {}
    assert bench.part("p2").outcome is Outcome.OK
    assert files.load(bench.home, "weld-1") == bench.gate.state


def test_a_station_that_starts_on_a_disk_that_takes_nothing_holds_back(bench, monkeypatch):
    bench.release()
    monkeypatch.setattr(files, "save", full)
    bench.start()
    assert bench.part("p1").reason.startswith("The release cannot be noted")


def test_a_failure_on_a_full_disk_outlives_the_station(bench, disk_of):
    disk_of(bench.home.stations)
    bench.release()
    passed = bench.clock
    with (bench.home.stations / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError):
        while True:
            ballast.write(bytes(4096))
    bench.part("OK-1", NG)
    failed = bench.gate.state
    assert files.load(bench.home, "weld-1") == failed
    bench.start()
    assert bench.part("p1").reason.startswith("Station not released: master part OK-1 failed")
    assert (bench.events[-1].event, bench.events[-1].since) == ("failed", passed)


@pytest.mark.parametrize("synced", [0, 1])
def test_a_state_that_is_half_overwritten_releases_nothing(bench, monkeypatch, synced):
    bench.release()
    steps = iter(range(synced))
    monkeypatch.setattr(files, "write_file", full)
    monkeypatch.setattr(files.os, "fsync", lambda _: full() if next(steps, None) is None else None)
    bench.part("OK-1", NG)
    assert files.load(bench.home, "weld-1") == State("weld-1")


def test_a_shorter_state_leaves_nothing_of_a_longer_one(home):
    for reason in ("w" * 20_000, "short"):
        content = orjson.dumps(State("weld-1", cause=reason).to_plain())
        place = files.state_file(home, "weld-1")
        files.overwrite(place, content) if place.exists() else files.write_file(place, content)
    assert files.load(home, "weld-1").cause == "short"


def test_a_state_that_cannot_be_read_is_that_of_a_station_that_never_passed(home):
    files.write_file(files.state_file(home, "weld-1"), b"{broken")
    assert files.load(home, "weld-1") == State("weld-1")


def test_it_may_be_asked_from_many_threads_at_once(bench):
    bench.release()
    found: list[Verdict] = []

    def judge(number):
        frame = Run("cam", "top", "1", lambda: T0).frame(
            pictures.encode_whole(picture(OK, seed=number)), f"p{number}"
        )
        found.extend(bench.judge.turn("A-1")([Part(f"p{number}", 1, (frame,))]))

    threads = [threading.Thread(target=judge, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [verdict.outcome for verdict in found] == [Outcome.OK] * 8
