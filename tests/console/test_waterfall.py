import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.console.data import LOSSES, Oee, Tally
from engine.console.locale import Locale
from engine.console.waterfall import parts, ratios, steps, waterfall

SAY = Locale("en", ZoneInfo("UTC"))
SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)
MINUTE = 60_000_000
LOST = (0, 11, 30, 22, 41, 13, 29, 6, 2)
SHIFT = Oee(
    "early",
    SIX,
    SIX,
    480 * MINUTE,
    tuple(minutes * MINUTE for minutes in LOST),
    326 * MINUTE,
    Tally(326, 6, 2),
    MINUTE,
    0.8,
    0.9,
    None,
    0.6456,
)


def test_losses_are_taken_off_one_after_another():
    drawn = {name: (left // MINUTE, length // MINUTE) for name, left, length in steps(SHIFT)}
    assert drawn["calendar"] == (0, 480)
    assert drawn["no_data"] == (469, 11)
    assert drawn["planned_stop"] == (439, 30)
    assert drawn["review_loss"] == (326, 2)
    assert drawn["effective"] == (0, 326)


def test_every_loss_of_the_account_is_drawn_once():
    assert [name for name, _, _ in steps(SHIFT)] == ["calendar", *LOSSES, "effective"]


def test_a_row_says_loss_time_and_share():
    drawing = waterfall(SHIFT, SAY)
    assert 'data-loss="unplanned_stop"' in drawing
    assert "41 min" in drawing
    assert "8.5 %" in drawing
    assert 'data-loss="unscheduled"' not in drawing


def test_parts_faster_than_their_ideal_cycle_are_shown_as_time_gained():
    gained = {"speed_loss": -90 * MINUTE // 60, "minor_stop": 0}
    losses = tuple(gained.get(name, loss) for name, loss in zip(LOSSES, SHIFT.losses, strict=True))
    quick = replace(SHIFT, losses=losses, effective=SHIFT.calendar - sum(losses))
    row = next(
        step for step in waterfall(quick, SAY).split('class="step"') if 'data-loss="speed_loss"' in step
    )
    assert "-1 min 30 s" in row
    assert "-0.3 %" in row
    left, width = (float(found) for found in re.findall(r"(?:left|width):([-\d.]+)%", row))
    assert 0 <= left <= 100
    assert width == pytest.approx(0.312, abs=0.001)


def test_an_account_that_closes_says_so():
    assert SHIFT.closes
    assert "sum to calendar time exactly" in waterfall(SHIFT, SAY)


def test_a_microsecond_too_much_is_announced():
    wrong = replace(SHIFT, effective=SHIFT.effective + 1)
    assert "do not sum to calendar time" in waterfall(wrong, SAY)


def test_ratios_that_are_not_defined_are_dashes():
    drawing = ratios(SHIFT, SAY)
    assert '<strong data-ratio="oee">64.6 %</strong>' in drawing
    assert '<b data-ratio="quality">–</b>' in drawing


def test_parts_and_ideal_cycle():
    assert "<dd>326</dd>" in parts(SHIFT, SAY)
    assert "<dd>60.0 s</dd>" in parts(SHIFT, SAY)
    assert "<dd>–</dd>" in parts(replace(SHIFT, ideal_cycle=None), SAY)


def test_an_empty_account_is_drawn():
    nothing = replace(SHIFT, calendar=0, losses=(0,) * len(LOSSES), effective=0)
    assert "sum to calendar time exactly" in waterfall(nothing, SAY)
