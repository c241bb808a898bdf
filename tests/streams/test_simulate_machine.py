"""A simulated machine says what a real adapter says, and the same for the same seed."""

from itertools import islice, takewhile

import numpy as np
import pytest

from streams.catalog import Machine, StateRule, Tag
from streams.clock import DAY, HOUR, MINUTE, SECOND
from streams.connectors.shdr_lines import ShdrDecoder
from streams.connectors.stamps import stamp
from streams.simulate import Habits, machine_lines, machine_tags
from streams.simulate.machine import BREAKS, PROGRAMS

START = 20_000 * DAY + 6 * HOUR
CALM = Habits(hold=0.0, minor=0.0, failure=0.0, silence=0.0)
RESTLESS = Habits(lot=(3, 5), hold=0.4, minor=0.2, failure=0.2, silence=0.2)


def play(hours, seed=1, habits=None, sample_s=1.0):
    lines = machine_lines(START, seed, habits=habits, sample_s=sample_s)
    return list(takewhile(lambda item: item[0] < START + hours * HOUR, lines))


def readings(lines):
    """Return what the adapter's client understands."""
    machine = Machine("cell", tuple(Tag(name, numeric) for name, numeric in machine_tags()))
    decoded = ShdrDecoder(machine, opened=START).decode([raw for _, raw in lines])
    assert not len(decoded.rejects)
    return decoded.readings


def told(found, tag):
    """Return (time, text) of what was said of a text tag."""
    rows = [row for row, name in enumerate(found.tag.to_list()) if name == tag]
    return list(zip(found.ts[rows].tolist(), found.text[rows].to_list(), strict=True))


def test_the_same_seed_says_the_same_lines():
    assert play(1, seed=7) == play(1, seed=7)
    assert play(1, seed=7) != play(1, seed=8)


def test_times_begin_at_the_start_and_never_fall():
    times = [time for time, _ in play(3)]
    assert times[0] == START
    assert times == sorted(times)


def test_lines_carry_the_time_they_are_sent_at():
    for time, raw in play(0.2):
        assert stamp(raw.split(b"|")[0].decode()) == time


def test_every_line_is_understood_and_every_tag_is_spoken_of():
    found = readings(play(2))
    assert {*found.tag.to_list()} == {name for name, _ in machine_tags()}
    assert np.array_equal(np.isnan(found.value), found.text.codes >= 0)


def test_a_calm_machine_takes_its_cycle_for_every_part():
    cycles = {program.name: program.cycle_s for program in PROGRAMS}
    found = readings(play(3, habits=CALM, sample_s=30))
    program = told(found, "program")[0][1]
    words = told(found, "execution")[:20]
    assert [word for _, word in words] == ["ACTIVE", "READY"] * 10
    taken = [(end - begin) / SECOND for (begin, _), (end, _) in zip(words[::2], words[1::2], strict=True)]
    assert taken == pytest.approx([cycles[program]] * 10, rel=0.02)


def test_a_restless_machine_says_everything_that_happens_to_machines():
    found = readings(play(8, habits=RESTLESS, sample_s=30))
    known = {word for word, _ in StateRule().states}
    words = {word for _, word in told(found, "execution")}
    assert words == {"ACTIVE", "READY", "FEED_HOLD", "STOPPED", "UNAVAILABLE"}
    assert words <= known
    assert {text for _, text in told(found, "avail")} == {"AVAILABLE", "UNAVAILABLE"}
    assert {text for _, text in told(found, "system_cond")} == {"NORMAL", "FAULT"}
    assert {text for _, text in told(found, "mode")} == {"AUTOMATIC", "MANUAL"}
    assert {text for _, text in told(found, "program")} == {program.name for program in PROGRAMS}


def test_nothing_is_said_while_the_adapter_has_lost_its_machine():
    lines = play(8, habits=RESTLESS)
    words = [time for time, raw in lines if b"avail|UNAVAILABLE" in raw]
    times = [time for time, _ in lines]
    for gone in words:
        after = next((time for time in times if time > gone), gone + 2 * MINUTE)
        assert after - gone >= 2 * MINUTE - SECOND


def test_nobody_starts_a_part_in_a_break():
    for time, word in told(readings(play(24, habits=CALM, sample_s=60)), "execution"):
        minute = time % DAY / MINUTE
        assert word != "ACTIVE" or not any(start <= minute < end for start, end in BREAKS)


def test_the_spindle_warms_up_under_load_and_its_load_is_the_programs():
    found = readings(play(0.3, habits=CALM))
    tags = np.array(found.tag.to_list())
    assert found.value[tags == "Stemp"][-20:].mean() > found.value[tags == "Stemp"][:5].mean() + 3
    loads = found.value[tags == "Sload"]
    program = next(item for item in PROGRAMS if item.name == told(found, "program")[0][1])
    assert loads[:30].mean() == pytest.approx(program.load, rel=0.1)
    assert (loads == 0).any()


def test_samples_come_as_often_as_asked():
    def count(sample_s):
        return sum(b"Sload" in raw for _, raw in islice(machine_lines(START, sample_s=sample_s), 200))

    assert count(1.0) > 150
    assert count(30.0) < 150
