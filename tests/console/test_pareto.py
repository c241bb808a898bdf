from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.console.data import LOSSES, Oee, Stop, Tally
from engine.console.locale import Locale
from engine.console.pareto import ROWS, Cause, losses, pareto, rank, stops

SAY = Locale("en", ZoneInfo("UTC"))
SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)
MINUTE = 60_000_000


def shift(*minutes):
    lost = tuple(minute * MINUTE for minute in minutes)
    return Oee(
        "early", SIX, SIX, sum(lost), lost, 0, Tally(0, 0, 0), MINUTE, None, None, None, None
    )  # fmt: skip


def order(drawing):
    return [part.split('"')[0] for part in drawing.split('data-cause="')[1:]]


def test_the_largest_cause_stands_first():
    ranked = rank([Cause("a", "", 5), Cause("b", "", 20), Cause("c", "", 0), Cause("d", "", 10)], SAY)
    assert [item.name for item in ranked] == ["b", "d", "a"]


def test_many_small_causes_become_one_and_no_time_is_lost():
    causes = [Cause(f"cause {number}", "", number) for number in range(1, 11)]
    ranked = rank(causes, SAY)
    assert len(ranked) == ROWS + 1
    assert (ranked[-1].name, sum(item.lasted for item in ranked)) == ("4 others", 55)


def test_shares_add_up_to_all():
    drawing = pareto([Cause("a", "", 60 * MINUTE), Cause("b", "", 20 * MINUTE)], SAY)
    assert 'style="width:75.00%"' in drawing
    assert ">75 %<" in drawing
    assert ">100 %<" in drawing
    assert 'points="75.00,0.5 100.00,1.5"' in drawing


def test_losses_are_those_that_keep_oee_down():
    assert len(LOSSES) == 9
    drawing = losses(shift(90, 80, 70, 6, 41, 13, -29, 6, 2), SAY)
    assert order(drawing) == [
        "Unplanned stops",
        "Minor stops",
        "Changeover",
        "Rejected parts",
        "Parts in review",
    ]


def test_a_shift_without_losses():
    assert "Nothing is lost." in losses(shift(*[0] * 9), SAY)


def test_stops_say_the_machine_s_word_how_often_and_how_long():
    found = (Stop("stop", "FEED <1>", 3, 40 * MINUTE, 30 * MINUTE), Stop("setup", "", 1, 10 * MINUTE, MINUTE))
    drawing = stops(found, SAY)
    assert order(drawing) == ["FEED &lt;1&gt;", "Changeover"]
    assert "FEED &lt;1&gt;<small> 3×</small>" in drawing
    assert "Stopped, the longest 30 min" in drawing
    assert "sign--setup" in drawing


def test_a_machine_that_never_stopped():
    assert "It ran all the time." in stops((), SAY)
