"""Pictures of triggered parts, the bin of rejects, heartbeats: the pure rooms of the handshake."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.handshake.abc import Signals, Told
from engine.handshake.bin import Bin
from engine.handshake.gathering import EARLY, CalledPart, Gathering
from engine.handshake.pulse import WRAPS, Pulse
from engine.plant import StationSection
from vision.assembly import Part, Stray
from vision.records import Frame, Outcome

LEAD, DUE = 0.5, 10.0


def frame(view: str = "front", serial: str = "", number: int = 1, taken: float | None = None) -> Frame:
    name = serial or f"cam-1-{number}"
    return Frame("cam", view, "1", number, 0, b"x", None, name, vouched=bool(serial), taken=taken)


def reasons(found: list[CalledPart | Stray]) -> list[tuple[str, str]]:
    return [(item.outcome, item.reason) for item in found if isinstance(item, Stray)]


def parts(found: list[CalledPart | Stray]) -> list[CalledPart]:
    return [item for item in found if isinstance(item, Part)]


def called(views: tuple[str, ...] = (), serial: str = "") -> Gathering:
    gathering = Gathering(views, LEAD)
    gathering.begin(1, Told(part_id="17"), serial, DUE, 0.0)
    return gathering


def test_a_picture_makes_a_part_and_all_views_do_where_views_are_asked_for() -> None:
    (part,) = parts(called().add(frame(), False, 1.0))
    assert (part.number, part.told.part_id, part.due, len(part.frames)) == (1, "17", DUE, 1)
    gathering = called(("front", "top"))
    assert gathering.add(frame("top"), False, 1.0) == []
    (whole,) = parts(gathering.add(frame(), False, 1.0))
    assert [item.view for item in whole.frames] == ["top", "front"]


def test_a_part_whose_time_is_up_goes_with_what_it_has() -> None:
    gathering = called(("front", "top"))
    gathering.add(frame(), False, 1.0)
    assert gathering.expire(DUE - 0.1) == []
    assert [len(part.frames) for part in parts(gathering.expire(DUE))] == [1]
    assert gathering.expire(DUE + 1) == []
    assert reasons(gathering.add(frame("top"), False, DUE + 1)) == [("late", "part_already_judged")]


def test_a_part_without_any_picture_is_a_part_too() -> None:
    (part,) = parts(called(serial="A-1").expire(DUE))
    assert (part.serial, part.frames) == ("A-1", ())


def test_the_next_trigger_lets_a_part_go_that_still_waits() -> None:
    gathering = called(("front", "top"))
    gathering.add(frame(), False, 1.0)
    gathering.begin(2, Told(), "", DUE, 2.0)
    assert gathering.ripe
    assert [part.number for part in parts(gathering.expire(2.0))] == [1]


def test_pictures_that_fit_nowhere_are_told_apart() -> None:
    gathering = called(("front", "top"))
    gathering.add(frame(), False, 1.0)
    assert reasons(gathering.add(frame("side"), False, 1.0)) == [("unmatched", "view_not_required")]
    assert reasons(gathering.add(frame(), False, 1.0)) == [("unmatched", "view_twice")]
    idle = Gathering((), LEAD)
    assert idle.add(frame(), True, 1.0) == []
    assert reasons(idle.expire(1.0 + LEAD + 0.01)) == [("unmatched", "no_part_triggered")]


def test_a_picture_that_overtakes_its_trigger_is_of_the_part_and_an_older_one_is_not() -> None:
    gathering = Gathering((), LEAD)
    gathering.add(frame(number=1), True, 0.0)
    gathering.add(frame(number=2), True, 0.4)
    gathering.begin(1, Told(), "", DUE, 0.6)
    found = gathering.expire(0.6)
    assert reasons(found) == [("unmatched", "no_part_triggered")]
    assert [item.sequence for part in parts(found) for item in part.frames] == [2]


def test_pictures_that_name_another_part_never_join_it() -> None:
    gathering = called(("front", "top"), serial="A-1")
    assert reasons(gathering.add(frame(serial="B-9"), False, 1.0)) == [
        ("unmatched", "picture_of_another_part")
    ]
    assert gathering.mixed == (1, "B-9 came while it was A-1")
    unknown = called(("front", "top"))
    unknown.add(frame(serial="A-1"), False, 1.0)
    unknown.add(frame("top", serial="B-9"), False, 1.0)
    assert unknown.mixed == (1, "B-9 came while it was A-1")


def test_a_picture_of_the_part_before_that_comes_late_is_never_judged_as_the_next() -> None:
    stalled = frame(taken=0.1)
    waits = called()
    assert [part.frames for part in parts(waits.expire(DUE))] == [()]
    waits.begin(2, Told(), "", DUE + 13.0, 13.0)
    assert reasons(waits.add(stalled, False, 13.2)) == [("unmatched", "taken_before_trigger")]
    (whole,) = parts(waits.add(frame(number=2, taken=13.0 - LEAD), False, 13.3))
    assert (whole.number, [item.sequence for item in whole.frames]) == (2, [2])


def test_a_picture_that_comes_late_between_two_parts_does_not_wait_for_the_next_trigger() -> None:
    gathering = Gathering((), LEAD)
    gathering.add(frame(number=1, taken=3.9), True, 4.0)
    assert reasons(gathering.add(frame(number=2, taken=0.1), True, 4.1)) == [
        ("unmatched", "no_part_triggered")
    ]
    gathering.begin(1, Told(), "", DUE, 4.2)
    assert [item.sequence for part in parts(gathering.expire(4.2)) for item in part.frames] == [1]


@pytest.mark.parametrize("view", ["front", "top"])
def test_a_part_whose_time_is_up_takes_no_picture_of_the_next(view: str) -> None:
    gathering = called(("front", "top"))
    gathering.add(frame(number=1), False, 1.0)
    found = gathering.add(frame(view, number=2), True, DUE + 0.1)
    gathering.begin(2, Told(), "", 2 * DUE, DUE + 0.2, (view,))
    found += gathering.expire(DUE + 0.2)
    assert reasons(found) == []
    seen = {part.number: [item.sequence for item in part.frames] for part in parts(found)}
    assert seen == {1: [1], 2: [2]}


def test_pictures_without_a_part_take_a_bounded_memory() -> None:
    gathering = Gathering((), 1e9)
    for number in range(3 * EARLY):
        gathering.add(frame(number=number), True, 1.0)
    assert len(gathering._early) <= EARLY


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("frame"), st.sampled_from(["front", "top", "side"]), st.sampled_from(["", "A", "B"])
        ),
        st.tuples(st.just("begin"), st.sampled_from(["", "A"]), st.just("")),
        st.tuples(st.just("expire"), st.just(""), st.just("")),
    ),
    max_size=40,
)


@settings(max_examples=500, deadline=None)
@given(STEPS, st.lists(st.sampled_from([0.0, 0.1, 1.0, DUE]), min_size=40, max_size=40), st.booleans())
def test_every_picture_ends_once_and_every_trigger_is_one_part(
    steps: list[Any], pauses: list[float], idle: bool
) -> None:
    gathering, now, begun, shown = Gathering(("front", "top"), LEAD), 0.0, 0, []
    since: dict[int, float] = {}
    ends: list[CalledPart | Stray] = []
    for (what, first, serial), pause in zip(steps, pauses, strict=False):
        now += pause
        if what == "frame":
            waited = None if len(shown) % 3 else pause
            shown.append(frame(first, serial, len(shown) + 1, waited and now - waited))
            ends += gathering.add(shown[-1], idle, now)
        elif what == "begin":
            begun += 1
            since[begun] = now - LEAD
            gathering.begin(begun, Told(), first, now + DUE, now)
        else:
            ends += gathering.expire(now)
    ends += gathering.finish()
    assert [part.number for part in parts(ends)] == list(range(1, begun + 1))
    joined = [item for part in parts(ends) for item in part.frames]
    left = joined + [item.frame for item in ends if isinstance(item, Stray)]
    assert sorted(item.sequence for item in left) == [item.sequence for item in shown]
    for part in parts(ends):
        assert len({item.serial for item in part.frames if item.vouched}) <= 1
        assert all(item.taken is None or item.taken >= since[part.number] for item in part.frames)


def test_a_station_that_drops_pictures_cannot_answer_a_plc() -> None:
    spots = {name: {"address": f"DB2.DBX0.{bit}"} for bit, name in enumerate(("ready", "ok", "ng"))}
    asks = {name: {"address": f"DB1.DBX0.{bit}"} for bit, name in enumerate(("trigger", "acknowledge"))}
    handshake = {"kind": "s7", "host": "plc", "asks": asks, "answers": spots}
    said = {"name": "weld-1", "cameras": [], "handshake": handshake}
    assert StationSection.model_validate(said | {"mode": "lossless"}).handshake
    with pytest.raises(ValueError, match="weld-1 would drop pictures of parts that its PLC waits for"):
        StationSection.model_validate(said | {"mode": "newest"})


NG_ONLY = frozenset({Outcome.NG})


def bin_with(*answers: Outcome) -> Bin:
    bin_of_rejects = Bin(5.0, NG_ONLY)
    bin_of_rejects.see(False, False, 0.0)
    bin_of_rejects.see(False, True, 0.0)
    bin_of_rejects.see(False, False, 0.0)
    for number, outcome in enumerate(answers, 1):
        bin_of_rejects.answered(number, f"part {number}", outcome, 0.0)
    return bin_of_rejects


def test_a_bin_that_nobody_watched_stops_the_line_until_somebody_releases_it() -> None:
    watched = Bin(5.0, NG_ONLY)
    watched.see(True, True, 0.0)
    assert watched.stop.startswith("The station began anew"), "a release that stood already is no release"
    watched.see(False, False, 1.0)
    assert watched.see(False, True, 2.0)
    assert watched.stop == ""


def test_each_reject_is_confirmed_by_one_edge_of_the_sensor() -> None:
    watched = bin_with(Outcome.NG, Outcome.OK, Outcome.REVIEW, Outcome.NG)
    assert watched.waiting == 2
    for sensor in (True, True, False, True, False):
        watched.see(sensor, False, 1.0)
    watched.tick(99.0)
    assert (watched.waiting, watched.stop) == (0, "")


def test_a_reject_that_is_missing_stops_the_line_until_somebody_releases_it() -> None:
    watched = bin_with(Outcome.NG, Outcome.NG)
    watched.see(False, False, 5.0)
    assert watched.stop.startswith("Reject part 1 was not seen in its bin within 5 s")
    assert not watched.see(True, False, 5.1), "hands in the bin prove nothing"
    assert watched.waiting == 1
    assert watched.see(False, True, 60.0)
    assert watched.stop == ""
    watched.tick(64.9)
    assert watched.stop == "", "what stood still with the line has its whole time again"
    watched.tick(65.0)
    assert watched.stop != ""


def test_a_part_that_nobody_rejected_stops_the_line() -> None:
    watched = bin_with(Outcome.OK)
    watched.see(True, False, 1.0)
    assert watched.stop.startswith("A part that was not rejected fell into the bin")
    assert not watched.see(True, False, 2.0)
    assert watched.see(True, True, 3.0)
    assert not watched.see(True, True, 4.0), "a release that stays pressed releases once"


def test_levels_that_are_there_when_the_plc_comes_back_are_no_edges() -> None:
    watched = bin_with(Outcome.NG)
    watched.away()
    watched.see(True, True, 1.0)
    assert (watched.waiting, watched.stop) == (1, "")


def test_without_a_bin_nothing_is_awaited() -> None:
    nothing = Bin()
    nothing.answered(1, "x", Outcome.NG, 0.0)
    nothing.see(False, False, 0.0)
    assert not nothing.see(True, True, 99.0)
    assert (nothing.waiting, nothing.stop) == (0, "")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["NG", "OK", "fall", "wait"]), max_size=40))
def test_the_line_runs_as_long_as_falls_and_rejects_agree(steps: list[str]) -> None:
    watched, now, owed, well = bin_with(), 0.0, 0, True
    for step in steps:
        now += 0.1
        if step in {"NG", "OK"}:
            watched.answered(1, "x", Outcome(step), now)
            owed += step == "NG"
        elif step == "fall":
            watched.see(True, False, now)
            watched.see(False, False, now)
            owed -= 1
            well = well and owed >= 0
        if not well:
            break
    assert (watched.stop == "") == well


def test_our_count_goes_on_while_the_station_can_judge_and_wraps() -> None:
    pulse = Pulse(1.0, None)
    for second in range(3):
        pulse.beat(True, float(second))
        pulse.beat(True, second + 0.5)
    pulse.beat(False, 3.0)
    assert pulse.count == 3
    pulse.count = WRAPS - 1
    pulse.beat(True, 4.0)
    assert pulse.count == 0


def test_a_heartbeat_that_stands_is_noticed_and_one_that_goes_on_is_well() -> None:
    pulse = Pulse(1.0, 2.0)
    pulse.forget(0.0)
    pulse.hear(7.0, 0.0)
    pulse.hear(7.0, 1.9)
    assert not pulse.silent
    pulse.hear(7.0, 2.0)
    assert pulse.silent
    pulse.hear(8.0, 2.1)
    assert not pulse.silent
    never = Pulse(1.0, None)
    never.hear(None, 99.0)
    assert not never.silent


def test_a_line_that_knows_no_review_is_told_ng() -> None:
    said = Signals(answer=Outcome.REVIEW)
    assert [said.values({"review"})[word] for word in ("ok", "ng", "review")] == [0.0, 0.0, 1.0]
    assert [said.values(set())[word] for word in ("ok", "ng")] == [0.0, 1.0]
