import pytest

from vision.cameras import Mark, Run
from vision.cameras.offset import ClockOffset
from vision.cameras.run import BELIEVED_CLOCK, BELIEVED_FRAMES, LOST, RESTARTED
from vision.records import Missed


class Clock:
    def __init__(self, time=1_000_000_000_000):
        self.time = time

    def __call__(self):
        self.time += 1000
        return self.time


def run(follows=None, clock=None):
    return Run("cam", "front", "7", clock or Clock(), follows)


def told(counted, **settings):
    """Return what is missed before each frame of a device that counts so."""
    camera = run(**settings)
    return [camera.count(value) or camera.frame(b"", "").before for value in counted]


def missed(first, last, since, reason=LOST):
    return (Missed(first, last, since, reason),)


def test_a_jump_of_the_devices_count_is_frames_missed_since_the_last_one():
    first, second, third = told([41, 42, 46])
    assert (first, second) == ((), ())
    assert [(gap.first, gap.last, gap.frames, gap.reason) for gap in third] == [(3, 5, 3, LOST)]
    assert third[0].since > 0


def test_numbers_of_missed_frames_stay_free():
    camera = run()
    sequences = [camera.count(value) or camera.frame(b"", "").sequence for value in (1, 2, 6, 7)]
    assert sequences == [1, 2, 6, 7]


def test_a_number_that_comes_twice_is_no_gap():
    assert told([5, 5, 6]) == [(), (), ()]


@pytest.mark.parametrize("again", [1, 5 + BELIEVED_FRAMES + 2, 1 << 52])
def test_a_count_that_begins_anew_hides_an_unknown_number(again):
    (gap,) = told([5, again])[1]
    assert (gap.first, gap.last, gap.frames, gap.reason) == (2, 1, 0, RESTARTED)


def test_what_was_missed_between_two_runs_is_known_by_number_where_the_device_counted_on():
    camera = run(follows=Mark(ts=77, count=10, session=3))
    camera.miss(None, "camera_away")
    camera.count(14, session=3)
    assert camera.frame(b"", "").before == missed(1, 3, 77, "camera_away")


def test_nothing_was_missed_where_the_device_did_not_count_on():
    camera = run(follows=Mark(ts=77, count=10, session=3))
    camera.miss(None, "camera_away")
    camera.count(11, session=3)
    frame = camera.frame(b"", "")
    assert (frame.before, frame.sequence) == ((), 1)


def test_between_two_runs_of_a_device_that_counts_anew_an_unknown_number_is_missed_once():
    camera = run(follows=Mark(ts=77, count=10, session=3))
    camera.miss(None, "camera_away")
    camera.count(1, session=4)
    assert camera.frame(b"", "").before == missed(1, 0, 77, "camera_away")


def test_before_the_first_frame_of_all_nothing_is_missed():
    camera = run()
    camera.miss(None, "camera_away")
    assert camera.frame(b"", "").before == ()


def test_a_frame_without_its_count_has_the_next_one():
    camera = run()
    camera.count(5)
    camera.frame(b"", "")
    camera.uncounted()
    camera.frame(b"", "")
    camera.count(7)
    assert camera.frame(b"", "").before == ()


def test_a_run_tells_where_it_stands():
    camera = run()
    camera.count(5, session=9)
    frame = camera.frame(b"", "", ts=camera.now() - 500)
    assert camera.mark == Mark(frame.ts, 5, 9)


def test_a_stamp_near_its_arrival_is_believed_and_measures_the_clock():
    clock = Clock()
    camera = run(clock=clock)
    stamps = [clock.time - 2_000_000 for _ in range(3)]
    assert [camera.frame(b"", "", ts=stamp).ts for stamp in stamps] == stamps
    assert camera.offset.microseconds == 2_001_000
    assert not camera.clock_is_wrong


@pytest.mark.parametrize("away", [8 * BELIEVED_CLOCK, -8 * BELIEVED_CLOCK, 10**17])
def test_a_stamp_far_from_its_arrival_is_replaced_by_it(away):
    clock = Clock()
    camera = run(clock=clock)
    assert camera.frame(b"", "", ts=clock.time - away).ts == clock.time
    assert camera.clock_is_wrong


def test_a_clock_is_behind_by_the_quickest_ways_difference():
    offset = ClockOffset()
    assert offset.microseconds is None
    for difference in (70, 50, 900):
        offset.add(difference)
    assert offset.microseconds == 50


def test_a_clock_that_was_set_is_noticed_and_what_waited_is_not_taken_for_it():
    offset = ClockOffset()
    for _ in range(128):
        offset.add(-5_000_000)
    for _ in range(128):
        offset.add(300)
    assert offset.microseconds == 300
    offset.add(60_000_000)
    assert offset.microseconds == 300
