import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision import assembly
from vision.assembly import Assembly, Part, Stray
from vision.cameras.zeromq import BAD_METADATA
from vision.records import Frame


def frame(serial="p1", view="front", defect="", taken=None):
    return Frame("cam", view, "1", 1, 0, b"x", None, serial, defect, taken=taken)


def views(part):
    return [frame.view for frame in part.frames]


def test_without_required_views_each_frame_is_a_part():
    part = Assembly().add(frame("p1"), now=0)
    assert (part.serial, part.attempt, views(part)) == ("p1", 1, ["front"])


def test_a_serial_seen_again_is_another_attempt():
    parts = Assembly()
    assert [parts.add(frame(serial), now=0).attempt for serial in ("p1", "p2", "p1")] == [1, 1, 2]


def test_views_of_one_serial_meet_in_the_order_asked_for():
    parts = Assembly(["front", "left"])
    assert parts.add(frame("p1", "left"), now=0) is None
    assert parts.add(frame("p2", "left"), now=0) is None
    assert views(parts.add(frame("p1", "front"), now=1)) == ["front", "left"]
    assert parts.expire(now=100)[0].serial == "p2"


def test_a_part_goes_without_a_view_when_its_time_is_up():
    parts = Assembly(["front", "left"], patience=5)
    parts.add(frame("p1"), now=10)
    assert parts.expire(now=14.9) == []
    assert [views(part) for part in parts.expire(now=15)] == [["front"]]
    assert parts.expire(now=99) == []


def test_a_view_after_its_part_was_judged_is_late():
    parts = Assembly(["front", "left"], patience=5)
    parts.add(frame("p1"), now=0)
    parts.expire(now=5)
    late = frame("p1", "left")
    assert parts.add(late, now=6) == Stray(late, "late", "part_already_judged")


def test_a_serial_that_once_lacked_a_view_can_come_again_whole():
    parts = Assembly(["front", "left"], patience=5)
    parts.add(frame("p1", "front"), now=0)
    parts.expire(now=5)
    for attempt, first, second, now in ((2, "front", "left", 100), (3, "left", "front", 200)):
        assert parts.add(frame("p1", first), now) is None
        whole = parts.add(frame("p1", second), now + 0.1)
        assert (whole.attempt, views(whole)) == (attempt, ["front", "left"])
    assert parts.expire(now=999) == []


def test_a_late_view_is_never_of_the_next_attempt_that_began_before_it_came():
    parts = Assembly(["front", "left"], patience=5)
    parts.add(frame("p1", "front"), now=0)
    parts.expire(now=5)
    assert parts.add(frame("p1", "front"), now=8) is None
    maybe = frame("p1", "left")
    assert parts.add(maybe, now=9.9) == Stray(maybe, "late", "part_already_judged")
    assert [views(part) for part in parts.expire(now=13)] == [["front"]], "it goes without, which is REVIEW"


def test_a_view_that_its_camera_took_long_ago_is_late_whenever_it_comes():
    parts = Assembly(["front", "left"], patience=5)
    parts.add(frame("p1", "front", taken=0.0), now=0)
    parts.expire(now=5)
    parts.add(frame("p1", "front", taken=99.9), now=100)
    old = frame("p1", "left", taken=0.1)
    assert parts.add(old, now=100.1) == Stray(old, "late", "part_already_judged")
    assert parts.add(frame("p1", "left", taken=100.0), now=100.2).attempt == 2


def test_a_part_that_comes_again_whole_is_another_attempt():
    parts = Assembly(["front", "left"])
    for attempt in (1, 2):
        parts.add(frame("p1", "front"), now=0)
        assert parts.add(frame("p1", "left"), now=0).attempt == attempt


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (frame("p1", "front"), "view_twice"),
        (frame("p1", "bottom"), "view_not_required"),
        (frame("p1", "left", BAD_METADATA), BAD_METADATA),
    ],
)
def test_a_frame_that_fits_no_part_is_unmatched(odd, reason):
    parts = Assembly(["front", "left"])
    parts.add(frame("p1", "front"), now=0)
    assert parts.add(odd, now=0) == Stray(odd, "unmatched", reason)


def test_frames_that_wait_take_a_bounded_memory(monkeypatch):
    monkeypatch.setattr(assembly, "ROOM", 3)
    parts = Assembly(["front", "left"])
    gone = []
    for number in range(6):
        assert parts.add(frame(f"p{number}"), now=0) is None
        gone += parts.overflow()
    assert [part.serial for part in gone] == ["p0", "p1", "p2"]
    assert parts.add(frame("p5", "left"), now=0) is not None
    assert parts.overflow() == []
    assert parts.add(frame("p0", "left"), now=0).reason == "part_already_judged"


SEEN = st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(["front", "left", "other"]))


@given(st.lists(SEEN, max_size=40), st.integers(0, 40))
def test_frames_of_several_parts_mixed_never_meet_and_each_has_one_end(shown, when):
    parts = Assembly(["front", "left"], patience=10)
    frames = [frame(serial, view) for serial, view in shown]
    ends = []
    for index, seen in enumerate(frames):
        ends += parts.expire(100 if index == when else 0)
        ended = parts.add(seen, now=0)
        ends += [ended] if ended else []
    ends += parts.finish()
    judged = [part for part in ends if isinstance(part, Part)]
    assert all({item.serial for item in part.frames} == {part.serial} for part in judged)
    assert all(len(set(views(part))) == len(part.frames) for part in judged)
    left = [item for part in judged for item in part.frames] + [
        stray.frame for stray in ends if isinstance(stray, Stray)
    ]
    assert sorted(map(id, left)) == sorted(map(id, frames))


def test_at_the_end_no_part_stays_behind():
    parts = Assembly(["front", "left"])
    parts.add(frame("p1"), now=0)
    parts.add(frame("p2"), now=0)
    assert [part.serial for part in parts.finish()] == ["p1", "p2"]
    assert parts.finish() == []


def test_memory_stays_bounded(monkeypatch):
    monkeypatch.setattr(assembly, "REMEMBERED", 3)
    parts = Assembly()
    for number in range(10):
        assert isinstance(parts.add(frame(f"p{number}"), now=0), Part)
    assert parts.add(frame("p9"), now=0).attempt == 2
    assert parts.add(frame("p0"), now=0).attempt == 1
