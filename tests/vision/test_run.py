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


@pytest.mark.parametrize(
    ("held", "counts", "told"), [(0.5, False, 1), (0.5, True, 0), (0.03, False, 0), (0.0, False, 0)]
)
def test_a_camera_that_was_held_for_longer_than_its_interval_missed_an_unknown_number(held, counts, told):
    arrivals = iter((0.0, 10.0, 10.04, 11.0, 11.5))
    camera = Run("cam", "front", "7", Clock(), monotonic=lambda: next(arrivals))
    for number in range(3):
        if counts:
            camera.count(number)
        last = camera.frame(b"", "")
    camera.held(held, "station_busy")
    assert camera.frame(b"", "").before == missed(4, 3, last.ts, "station_busy") * told


class Held:
    """A camera of a picture each 40 ms whose reader may be away: what waited for it comes in a burst."""

    def __init__(self, stamped=False):
        self.arrived, self.taken, self.stamped = 50.0, 50.0, stamped
        self.run = Run("cam", "front", "7", self.now, monotonic=lambda: self.arrived)

    def now(self):
        return 10**12 + int(self.arrived * 1e6)

    def read(self, seconds=0.0, apart=0.04):
        """Read a picture, and be away for so long; return whether it told of pictures missed before it."""
        self.taken += apart
        self.arrived = max(self.arrived + 0.001, self.taken)
        frame = self.run.frame(b"", "", ts=10**12 + int(self.taken * 1e6) if self.stamped else None)
        self.run.held(seconds, "station_busy")
        self.arrived += seconds
        return bool(frame.before)


@pytest.mark.parametrize("held", [[1.0], [0.5, 0.5, 0.5], [0.05] * 40])
@pytest.mark.parametrize("stamped", [False, True])
def test_pictures_that_waited_for_a_reader_that_was_held_tell_no_interval(held, stamped):
    camera = Held(stamped)
    for seconds in (0.0, 0.0, *held, *[0.0] * 60, 0.03):
        camera.read(seconds)
    assert not camera.read(0.05)
    assert camera.read()


def test_a_camera_that_shoots_faster_once_it_was_held_has_another_interval():
    camera = Held()
    for seconds in (0.0, 0.0, 1.0, *[0.0] * 60):
        camera.read(seconds)
    for _ in range(3):
        camera.read(apart=0.02)
    camera.read(0.03, apart=0.02)
    assert camera.read()


def test_a_camera_of_one_frame_has_no_interval_and_one_of_a_former_run_no_count():
    camera = run(follows=Mark(ts=77, count=10, session=3))
    camera.frame(b"", "")
    camera.held(0.001, "station_busy")
    (gap,) = camera.frame(b"", "").before
    assert (gap.first, gap.last) == (2, 1)


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


class Way:
    """A camera whose clock is seven minutes behind, and pictures that take their time to come."""

    def __init__(self):
        self.arrived = 50.0
        self.camera = Run("cam", "front", "7", lambda: 10**12 + int(self.arrived * 1e6), None, self.clock)

    def clock(self):
        return self.arrived

    def shoot(self, taken, took=0.01, drift=0.0, stamped=True):
        """Return how long before its arrival a picture is known to have been taken."""
        self.arrived = taken + took
        stamp = 10**12 + int(taken * (1 - drift) * 1e6) - 420_000_000
        frame = self.camera.frame(b"", "", ts=stamp if stamped else None)
        return pytest.approx(self.arrived - frame.taken, abs=5e-3)


def test_a_picture_that_waited_on_its_way_was_taken_so_much_earlier():
    way = Way()
    assert [way.shoot(60.0), way.shoot(62.0), way.shoot(64.0, took=2.91)] == [0, 0, 2.9]


def test_a_picture_without_a_stamp_to_be_believed_and_the_first_with_one_came_when_they_came():
    way = Way()
    assert [way.shoot(60.0, stamped=False), way.shoot(62.0, took=2.0), way.shoot(66.0)] == [0, 0, 0]
    assert way.shoot(5000.0, stamped=False) == 0
    wild = Run("cam", "front", "7", lambda: 10**15)
    assert wild.frame(b"", "", ts=17).taken <= wild.frame(b"", "", ts=18).taken


@pytest.mark.parametrize("pause", [2.0, 60.0])
def test_a_clock_that_drifts_makes_no_picture_late(pause):
    way = Way()
    assert [way.shoot(60.0 + pause * n, drift=1e-4) for n in range(400)] == [0] * 400


def test_a_clock_that_was_set_back_makes_pictures_late_for_a_while_only():
    way = Way()
    way.shoot(60.0)
    late = [way.shoot(62.0 + n, took=1.01) == 0 for n in range(130)]
    assert not any(late[:60])
    assert all(late[128:])
