from datetime import timedelta

import pytest

from engine.console.data import Stop
from engine.console.machine_query import machine_now, progress

HOUR = timedelta(hours=1)


def mill(line):
    return machine_now(line.db, 1, "mill", line.clock)


def test_a_shard_that_has_not_begun(line):
    assert progress(line.db, "line-1") is None


def test_progress_tells_the_plant_s_time_and_how_old_it_is(line):
    line.commit(age=30)
    found = progress(line.db, "line-1")
    assert found.clock == line.clock
    assert found.age == pytest.approx(30, abs=5)


def test_a_machine_nobody_heard_of(line):
    found = mill(line)
    assert (found.states, found.oee, found.stops) == ((), None, ())
    assert found.end - found.start == 8 * HOUR


def test_the_newest_version_of_each_state(line):
    begin = line.clock - 2 * HOUR
    line.state("mill", begin, None, "run")
    line.state("mill", begin, begin + HOUR, "run", version=2)
    line.state("mill", begin + HOUR, None, "stop")
    assert [(item.state, item.end) for item in mill(line).states] == [("run", begin + HOUR), ("stop", None)]


def test_the_state_that_began_before_the_shift(line):
    line.oee("mill", {"effective": 1})
    begin = line.clock - 30 * HOUR
    line.state("mill", begin, None, "run", version=1)
    line.state("mill", begin, line.clock - HOUR, "run", version=2)
    assert [item.ts for item in mill(line).states] == [begin]


def test_a_state_that_ended_before_the_shift_is_not_shown(line):
    line.oee("mill", {"effective": 1})
    line.state("mill", line.clock - 9 * HOUR, line.clock - 8 * HOUR, "run")
    assert mill(line).states == ()


def test_a_state_that_a_revision_emptied_is_not_shown(line):
    line.state("mill", line.clock - HOUR, None, "run")
    line.state("mill", line.clock - HOUR, line.clock - HOUR, "run", version=2)
    assert mill(line).states == ()


def test_the_newest_account_of_the_current_shift(line):
    line.oee("mill", {"effective": 10}, ts=line.clock - 14 * HOUR)
    line.oee("mill", {"effective": 10, "setup": 5}, good=10, version=1)
    line.oee("mill", {"effective": 20, "setup": 5, "reject_loss": 5}, good=20, reject=5, version=2)
    found = mill(line).oee
    assert found.closes
    assert found.tally.good == 20
    assert found.availability == pytest.approx(25 / 30)
    assert found.performance == pytest.approx(1.0)
    assert found.quality == pytest.approx(0.8)
    assert found.oee == pytest.approx(20 / 30)


def test_ratios_without_an_ideal_cycle_are_not_there(line):
    line.oee("mill", {"unplanned_stop": 5}, ideal_cycle_us=None)
    found = mill(line).oee
    assert (found.ideal_cycle, found.performance, found.quality, found.oee) == (None, None, None, None)


def test_the_timeline_begins_where_something_is_known(line):
    line.oee("mill", {"effective": 1}, ts=line.clock - 20 * HOUR)
    line.state("mill", line.clock - timedelta(minutes=47), None, "run")
    assert mill(line).start == line.clock - timedelta(minutes=50)
    assert mill(line).end - mill(line).start == HOUR


def test_stops_of_the_shift_by_reason(line):
    line.oee("mill", {"effective": 1})
    shift, hour = line.clock - 6 * HOUR, 3_600_000_000
    line.state("mill", shift - HOUR, shift + HOUR, "stop", "FEED_HOLD", version=2)
    line.state("mill", shift + HOUR, shift + 2 * HOUR, "run", version=2)
    line.state("mill", shift + 2 * HOUR, shift + 4 * HOUR, "stop", "FEED_HOLD", version=2)
    line.state("mill", shift + 4 * HOUR, None, "setup", "TOOL")
    assert mill(line).stops == (
        Stop("stop", "FEED_HOLD", 2, 3 * hour, 2 * hour),
        Stop("setup", "TOOL", 1, 2 * hour, 2 * hour),
    )


def test_only_the_newest_version_of_a_stop_counts(line):
    line.oee("mill", {"effective": 1})
    begin = line.clock - 3 * HOUR
    line.state("mill", begin, None, "stop", "READY")
    line.state("mill", begin, begin + HOUR, "stop", "READY", version=2)
    line.state("mill", begin + HOUR, None, "run")
    assert [(item.stops, item.lasted) for item in mill(line).stops] == [(1, 3_600_000_000)]


def test_stops_of_another_shift_stay_there(line):
    line.oee("mill", {"effective": 1}, ts=line.clock - 14 * HOUR, as_of=line.clock - 6 * HOUR)
    line.oee("mill", {"effective": 1})
    line.state("mill", line.clock - 9 * HOUR, line.clock - 8 * HOUR, "stop", "READY", version=2)
    assert mill(line).stops == ()


def test_machines_do_not_see_each_other(line):
    line.state("lathe", line.clock - HOUR, None, "run")
    line.oee("lathe", {"effective": 1})
    found = mill(line)
    assert (found.states, found.oee, found.stops) == ((), None, ())
