"""What a simulated machine tells is what a real adapter or gateway tells, and the same for the same seed."""

from dataclasses import replace
from itertools import islice, pairwise, takewhile

import numpy as np
import pytest

from streams.clock import HOUR, MINUTE, SECOND
from streams.connectors.shdr_lines import ShdrDecoder
from streams.connectors.stamps import stamp
from streams.records import decode, encode
from streams.simulate import SEED, SHOP, adapter_lines, model, readings, sampling
from streams.simulate.model import AUXILIARY
from streams.simulate.shop import PRESS

START = 1_790_000_000 * SECOND
MILL = model("mill-1")
SAMPLE = 5 * SECOND


def play(which=MILL, hours=1.0, seed=SEED, sample=SAMPLE):
    lines = adapter_lines(which, seed, START, sample)
    return list(takewhile(lambda item: item[0] < START + hours * HOUR, lines))


def heard(lines, which=MILL):
    """Return what the adapter's client understands."""
    decoded = ShdrDecoder(which.machine(), opened=START).decode(b"\n".join(raw for _, raw in lines))
    assert not len(decoded.rejects)
    return decoded.readings


def told(found, tag):
    """Return (time, text) of what was said of a text tag."""
    rows = [row for row, name in enumerate(found.tag.to_list()) if name == tag]
    return list(zip(found.ts[rows].tolist(), found.text[rows].to_list(), strict=True))


def numbers(found, tag):
    """Return times and values of a numeric tag."""
    rows = np.array(found.tag.to_list()) == tag
    return found.ts[rows], found.value[rows]


def test_the_same_seed_says_the_same_lines():
    assert play(hours=0.3) == play(hours=0.3)
    assert play(hours=0.3) != play(hours=0.3, seed=SEED + 1)


@pytest.mark.parametrize("which", SHOP, ids=lambda one: one.name)
def test_times_begin_at_the_start_and_never_fall(which):
    lines = play(which, hours=3, sample=MINUTE)
    times = [time for time, _ in lines]
    assert times[0] == START
    assert times == sorted(times)
    assert all(stamp(raw.split(b"|")[0].decode()) == time for time, raw in lines)


@pytest.mark.parametrize("which", SHOP, ids=lambda one: one.name)
def test_every_line_is_understood_and_every_tag_is_spoken_of(which):
    found = heard(play(which), which)
    assert {*found.tag.to_list()} == {tag.name for tag in which.tags}
    assert np.array_equal(np.isnan(found.value), found.text.codes >= 0)


def test_all_that_holds_is_said_at_the_start():
    opening = heard(takewhile(lambda item: item[0] == START, play()))
    assert {"avail", "execution", "program", "mode", "system_cond"} <= {*opening.tag.to_list()}


def test_a_word_is_said_when_it_changes_only():
    for tag in ("execution", "program", "mode", "avail"):
        words = [text for _, text in told(heard(play(hours=8, sample=MINUTE)), tag)]
        assert all(one != other for one, other in pairwise(words)), tag


def test_nothing_is_said_while_the_control_restarts():
    lines = play(replace(PRESS, silence=0.05), hours=2)
    gone = [row for row, (_, raw) in enumerate(lines) if b"avail|UNAVAILABLE" in raw]
    assert gone
    for row in gone[:-1]:
        assert lines[row + 1][0] - lines[row][0] >= 90 * SECOND
        assert b"avail|AVAILABLE" in b"".join(raw for _, raw in lines[row + 1 : row + 3])


def test_a_breakdown_is_a_condition_with_its_cause():
    lines = play(hours=4, sample=MINUTE)
    assert [text for _, text in told(heard(lines), "system_cond")][:3] == ["NORMAL", "FAULT", "NORMAL"]
    assert any(b"|FAULT|||HIGH|bearing seized" in raw for _, raw in lines)


def test_loads_are_the_programs_while_it_runs_and_nothing_otherwise():
    found = heard(play(hours=1))
    _, speed = numbers(found, "Srpm")
    levels = {program.levels[1] for program in MILL.programs}
    assert (speed == 0).any()
    assert all(min(abs(value / level - 1) for level in levels) < 0.02 for value in speed[speed > 0])


def test_the_spindle_warms_up_and_the_tool_wears_while_it_runs():
    found = heard(play(hours=1))
    _, wear = numbers(found, "tool_wear")
    _, warm = numbers(found, "spindle_temp")
    assert (np.diff(wear) >= 0).mean() > 0.99
    assert wear.max() > 30
    assert warm.max() > 35


def test_vibration_rises_from_the_onset_and_falls_silent_with_the_fan():
    ts, value = numbers(heard(play(hours=4)), "fan_vib")
    minutes = (ts - START) / MINUTE
    sound, late = value[minutes < 30], value[(minutes > 115) & (minutes < 120)]
    assert sound.mean() == pytest.approx(1.1, rel=0.01)
    assert sound.std() < 0.05
    assert late.mean() > 4
    gap = np.diff(minutes).max()
    assert gap > 6, "the fan stands while a new bearing is fitted"
    assert value[-50:].mean() == pytest.approx(1.1, rel=0.02)


@pytest.mark.parametrize("which", [one for one in SHOP if one is not MILL], ids=lambda one: one.name)
def test_sound_machines_measure_the_same_all_day(which):
    found = heard(play(which, hours=6, sample=20 * SECOND), which)
    for name, _ in AUXILIARY:
        _, value = numbers(found, f"{which.auxiliary}_{name}")
        half = len(value) // 2
        spread = value.std() / np.sqrt(half)
        assert abs(value[:half].mean() - value[half:].mean()) < 6 * spread


def test_batches_say_the_same_as_lines_without_their_rounding():
    lines = heard(play(PRESS, hours=0.5), PRESS)
    batches = islice(readings(PRESS, SEED, START, SAMPLE, MINUTE), 100)
    texts = [
        (ts, tag, text)
        for batch in batches
        for ts, tag, text in zip(batch.ts.tolist(), batch.tag.to_list(), batch.text.to_list(), strict=True)
        if text is not None and tag != "system_cond" and ts < START + HOUR // 2
    ]
    said = zip(lines.ts.tolist(), lines.tag.to_list(), lines.text.to_list(), strict=True)
    assert texts == [item for item in said if item[2] is not None and item[1] != "system_cond"]


def test_batches_are_of_one_span_each_in_the_order_of_time():
    span = 12 * SECOND
    batches = list(islice(readings(PRESS, SEED, START, SAMPLE, span), 40))
    spans = [batch.ts // span for batch in batches]
    assert all(len({*numbers.tolist()}) == 1 for numbers in spans)
    assert [int(numbers[0]) for numbers in spans] == sorted({int(numbers[0]) for numbers in spans})
    assert all((np.diff(batch.ts) >= 0).all() for batch in batches)
    assert len(decode(encode(batches[0].to_arrow()))) == len(batches[0])


@pytest.mark.parametrize(("speed", "seconds"), [(1, 5), (60, 5), (120, 10), (600, 50)])
def test_fewer_numbers_are_told_of_a_faster_plant(speed, seconds):
    assert sampling(speed) == seconds * SECOND
    assert speed / (sampling(speed) / SECOND) <= 12


def test_the_pace_of_the_samples_changes_no_word():
    def words(sample):
        return [(time, raw) for time, raw in play(hours=2, sample=sample) if b"Srpm" not in raw]

    assert words(SAMPLE) == words(50 * SECOND)
