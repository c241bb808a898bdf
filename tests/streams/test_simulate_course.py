"""The true course of a simulated machine: the same for the same seed, without gaps, as its model says."""

from dataclasses import replace
from itertools import islice, pairwise, takewhile

import numpy as np
import pytest

from streams.calendar import containing
from streams.clock import HOUR, MINUTE, SECOND
from streams.simulate import SEED, SHOP, WELD_CELL_1, finishes, model
from streams.simulate.bearing import FOLDS
from streams.simulate.course import Course, phases

START = 1_790_000_000 * SECOND
"""A Monday, 22:13 in Shanghai."""
MILL = model("mill-1")


def course(which, hours, seed=SEED):
    return list(takewhile(lambda phase: phase.start < START + hours * HOUR, phases(which, seed, START)))


def shares(found):
    """Return the share of each state in all time that is planned for production."""
    spent = {}
    for phase in found:
        spent[phase.state] = spent.get(phase.state, 0) + phase.end - phase.start
    busy = sum(time for state, time in spent.items() if state not in ("planned_stop", "no_data"))
    return {state: time / busy for state, time in spent.items()}


@pytest.mark.parametrize("which", SHOP, ids=lambda one: one.name)
def test_the_same_seed_is_the_same_course_and_another_seed_another(which):
    assert course(which, 2) == course(which, 2)
    assert course(which, 2) != course(which, 2, seed=SEED + 1)


def test_no_machine_depends_on_another():
    assert course(WELD_CELL_1, 1) != course(replace(WELD_CELL_1, name="weld-cell-9"), 1)


@pytest.mark.parametrize("which", SHOP, ids=lambda one: one.name)
def test_phases_follow_each_other_without_a_gap(which):
    found = course(which, 8)
    assert found[0].start == START
    assert all(one.end == other.start and one.start < one.end for one, other in pairwise(found))


@pytest.mark.parametrize("which", SHOP, ids=lambda one: one.name)
def test_a_shift_is_worth_showing(which):
    """OEE between 0.55 and 0.85, everything that costs it there, within the first hour already."""
    found = course(which, 24)
    ideal = sum(phase.program.cycle_s * SECOND for phase in found if phase.done)
    busy = sum(phase.end - phase.start for phase in found if phase.state not in ("planned_stop", "no_data"))
    assert 0.55 < ideal / busy < 0.85
    assert {"run", "stop", "setup", "planned_stop"} <= {phase.state for phase in found}
    assert len({phase.program.name for phase in found}) == len(which.programs)
    first = [phase for phase in found if phase.start < START + HOUR]
    assert {"run", "stop"} <= {phase.state for phase in first}


def test_the_shop_has_something_going_on_at_once():
    first = [phase for one in SHOP for phase in course(one, 0.5)]
    assert any(phase.text for phase in first), "a breakdown"
    assert any(phase.word == "SETUP" for phase in first)
    assert sum(phase.done for phase in first) > 50


def test_every_word_has_a_meaning():
    for which in SHOP:
        known = dict(which.machine().state_rule.states)
        assert all(known[phase.word] == phase.state for phase in course(which, 12))


def test_cycles_are_the_programs_with_a_little_scatter():
    calm = replace(WELD_CELL_1, hold=0.0, slow=0.0, faults=())
    made = [phase for phase in course(calm, 6) if phase.done][1:]
    beyond = [(phase.end - phase.start) / SECOND / phase.program.cycle_s - 1 for phase in made]
    assert 0 <= min(beyond) < 0.001
    assert max(beyond) < 0.02


def test_nobody_begins_a_part_in_a_break_or_a_planned_stop():
    found = course(WELD_CELL_1, 48)
    for before, phase in pairwise(found):
        if phase.part and phase.part != before.part:
            span = containing(WELD_CELL_1.calendar, phase.start)
            duty = span.start + WELD_CELL_1.duties[0].after_min * MINUTE
            closed = [*span.breaks, (duty, duty + WELD_CELL_1.duties[0].lasts_min * MINUTE)]
            assert not any(low <= phase.start < high for low, high in closed)


def test_machines_rest_in_turn():
    spans = [containing(which.calendar, START + HOUR) for which in SHOP]
    breaks = sorted(pair for span in spans for pair in span.breaks)
    assert all(one[1] <= other[0] for one, other in pairwise(breaks))


def test_breakdowns_come_as_often_as_their_lives_say():
    often = replace(MILL, faults=tuple(replace(fault, life_h=2.0, shape=1.0) for fault in MILL.faults[:1]))
    found = [*islice(Course(replace(often, wearing=None), 3, START).phases(), 40_000)]
    ran = sum(phase.end - phase.start for phase in found if phase.word == "ACTIVE") / HOUR
    failures = sum(bool(phase.text) for phase in found)
    assert failures == pytest.approx(ran / 2.0, rel=0.2)


def test_a_breakdown_scraps_the_part_and_lasts_longer_than_a_minor_stop():
    found = course(model("weld-cell-2"), 100)
    broken = [(before, phase) for before, phase in pairwise(found) if phase.text]
    assert broken
    for before, phase in broken:
        assert before.part and not before.done
        assert phase.end - phase.start > 5 * MINUTE


def test_a_worn_tool_is_changed():
    found = course(MILL, 24)
    changes = [row for row, phase in enumerate(found) if phase.word == "TOOL_CHANGE"]
    assert changes
    assert all(found[row].wear == 1.0 and found[row + 1].wear == 0.0 for row in changes)


def test_damage_grows_exponentially_from_the_onset_to_the_trip():
    life = course(MILL, 1)[0].life
    fold = (life.trip - life.onset) / FOLDS
    damage = life.damage(life.onset + (np.arange(-1, 6) * fold).astype(np.int64))
    assert damage[:2].tolist() == [0.0, 0.0]
    assert damage[-1] == pytest.approx(1.0)
    grown = np.diff(damage[1:])
    assert grown[1:] / grown[:-1] == pytest.approx([np.e] * 4, rel=1e-4)


def test_the_bearing_seizes_is_replaced_and_goes_again():
    found = course(MILL, 24)
    seized = [(before, phase) for before, phase in pairwise(found) if phase.word == "FAN_FAULT"]
    lives = list(dict.fromkeys(phase.life for phase in found))
    assert len(lives) >= 3
    assert [life.born for life in lives[1:]] == [repair.end for _, repair in seized][: len(lives) - 1]
    first, repair = seized[0]
    assert 30 * MINUTE < first.life.onset - START < 45 * MINUTE
    assert first.life.trip <= repair.start < first.life.trip + 30 * MINUTE


def test_finished_parts_are_numbered_in_the_order_of_time():
    parts = list(islice(finishes(WELD_CELL_1, SEED, START), 50))
    assert [number for number, _ in parts] == sorted({number for number, _ in parts})
    assert [ts for _, ts in parts] == [phase.end for phase in course(WELD_CELL_1, 4) if phase.done][:50]
