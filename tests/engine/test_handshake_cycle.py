"""The cycle of one part as a state machine: every order of signals, and what it must never do."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.handshake.cycle import Cycle, Kind, State
from engine.handshake.reasons import (
    MIXED,
    NO_SERIAL,
    NOT_READY,
    PLC_AWAY,
    TIME_OUT,
    TRIGGERED_AGAIN,
    Doubt,
)
from vision.records import Outcome

OK, NG, REVIEW = Outcome.OK, Outcome.NG, Outcome.REVIEW
CYCLE, ACKNOWLEDGE = 2.0, 1.0


class Desk:
    """A cycle with a clock that the test moves; every answer counts as put as soon as it is asked for."""

    def __init__(self) -> None:
        self.cycle = Cycle(CYCLE, ACKNOWLEDGE)
        self.now = 100.0
        self.kinds: list[Kind] = []
        self.see()

    def see(self, trigger: bool = False, acknowledge: bool = False, after: float = 0.0) -> Outcome | None:
        self.now += after
        self.cycle.see(trigger, acknowledge, self.now)
        return self.put()

    def judged(self, outcome: Outcome, after: float = 0.1) -> Outcome | None:
        self.now += after
        self.cycle.judged(self.cycle.number, outcome, self.now)
        return self.put()

    def put(self) -> Outcome | None:
        said = self.cycle.put(self.now)
        self.cycle.was_put(said)
        self.kinds += [event.kind for event in self.cycle.events()]
        return said.outcome if said else None

    def why(self, number: int = 1) -> object:
        said = self.cycle.answered(number)
        assert said is not None
        return said.doubt.reason if said.doubt else None


def test_a_part_is_triggered_judged_answered_and_acknowledged() -> None:
    desk = Desk()
    assert desk.cycle.ready
    assert desk.see(trigger=True) is None
    assert (desk.cycle.state, desk.cycle.ready) == (State.BUSY, False)
    assert desk.judged(OK) is OK
    assert desk.see(trigger=True) is OK
    assert desk.see(trigger=True, acknowledge=True) is None
    assert not desk.cycle.ready
    desk.see(acknowledge=True)
    assert not desk.cycle.ready
    desk.see()
    assert desk.cycle.ready
    assert desk.kinds == [Kind.BEGUN, Kind.ANSWERED, Kind.ACKNOWLEDGED]


def test_a_verdict_that_is_late_changes_nothing_the_line_was_told_ng() -> None:
    desk = Desk()
    desk.see(trigger=True)
    assert desk.see(trigger=True, after=CYCLE) is NG
    assert desk.judged(OK) is NG
    assert desk.why() is TIME_OUT


def test_a_verdict_at_the_last_moment_that_is_put_too_late_is_ng() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.cycle.judged(1, OK, desk.now + CYCLE - 0.001)
    assert desk.cycle.answer is not None
    assert desk.cycle.answer.outcome is OK
    desk.now += CYCLE
    assert desk.put() is NG
    assert desk.why() is TIME_OUT


def test_a_time_out_is_told_so_early_that_the_plc_has_it_in_time() -> None:
    desk = Desk()
    desk.cycle.wrote(0.2)
    assert desk.see(trigger=True, after=0.1) is None
    assert desk.see(trigger=True, after=CYCLE - 0.51) is None
    assert desk.see(trigger=True, after=0.02) is NG, "three looks and a write before its time"


def test_a_plc_that_is_slow_leaves_half_of_the_time_to_judge() -> None:
    desk = Desk()
    desk.see(trigger=True, after=9.0)
    assert desk.see(trigger=True, after=CYCLE / 2 - 0.01) is None
    assert desk.judged(OK, after=0.005) is OK


def test_a_part_that_is_spoiled_when_its_time_is_up_is_a_time_out() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.now += CYCLE
    desk.cycle.spoil(1, Doubt(NO_SERIAL, "no code was scanned"), desk.now)
    assert (desk.put(), desk.why()) == (NG, TIME_OUT)


def test_a_trigger_that_comes_again_while_the_part_is_judged_spoils_it() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.see()
    assert desk.see(trigger=True) is NG
    assert desk.judged(OK) is NG
    assert (desk.cycle.number, desk.why()) == (1, TRIGGERED_AGAIN)


def test_a_trigger_behind_an_answer_that_nobody_took_is_a_part_of_its_own_and_ng() -> None:
    desk = Desk()
    desk.see(trigger=True)
    assert desk.judged(OK) is OK
    desk.see()
    assert desk.see(trigger=True) is NG
    assert (desk.cycle.number, desk.why(2)) == (2, NOT_READY)
    assert desk.kinds[-3:] == [Kind.WITHDRAWN, Kind.BEGUN, Kind.ANSWERED]


def test_an_acknowledge_that_comes_twice_is_counted_and_takes_no_later_answer() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.judged(OK)
    desk.see(acknowledge=True)
    desk.see()
    desk.see(acknowledge=True)
    assert desk.kinds[-1] is Kind.ACKNOWLEDGED_AGAIN
    assert not desk.cycle.ready
    desk.see()
    desk.see(trigger=True)
    assert desk.see(trigger=True, acknowledge=True) is None
    assert desk.judged(REVIEW) is REVIEW, "an acknowledge from before the answer does not take it"


def test_an_answer_is_held_beyond_its_time_while_the_trigger_is_held() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.judged(OK)
    assert desk.see(trigger=True, after=ACKNOWLEDGE) is OK
    assert desk.see(trigger=True, after=9.0) is OK
    assert desk.kinds.count(Kind.UNACKNOWLEDGED) == 1
    assert desk.see(trigger=True, acknowledge=True) is None
    assert desk.kinds[-1] is Kind.ACKNOWLEDGED


def test_an_answer_that_the_plc_gave_up_is_withdrawn_and_the_next_part_may_come() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.judged(OK)
    assert desk.see() is OK
    assert desk.see(after=ACKNOWLEDGE) is None
    desk.see()
    assert desk.kinds[-2:] == [Kind.UNACKNOWLEDGED, Kind.WITHDRAWN]
    assert desk.cycle.ready


def test_a_plc_that_lets_go_of_nothing_is_told_once() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.judged(OK)
    desk.see(trigger=True, acknowledge=True)
    desk.see(trigger=True, acknowledge=True, after=ACKNOWLEDGE)
    desk.see(trigger=True, acknowledge=True, after=9.0)
    assert desk.kinds.count(Kind.STUCK) == 1
    assert not desk.cycle.ready


def test_a_plc_that_goes_away_while_the_part_is_judged_finds_ng() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.cycle.away(desk.now)
    assert desk.judged(OK) is NG
    assert desk.why() is PLC_AWAY
    assert desk.see(trigger=True) is NG, "it is back and still waits"
    assert desk.see(trigger=True, acknowledge=True) is None


def test_an_answer_that_was_lost_on_its_way_is_ng() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.cycle.judged(1, OK, desk.now)
    desk.cycle.away(desk.now)
    assert desk.see(trigger=True) is NG
    assert desk.why() is PLC_AWAY


def test_a_plc_that_comes_back_and_knows_of_no_part_gets_no_old_answer() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.judged(OK)
    desk.cycle.away(desk.now)
    assert desk.see() is None
    assert desk.kinds[-1] is Kind.WITHDRAWN


def test_a_trigger_that_is_there_when_the_plc_is_first_heard_is_no_part() -> None:
    cycle = Cycle(CYCLE, ACKNOWLEDGE)
    cycle.see(True, False, 0.0)
    assert (cycle.number, cycle.ready) == (0, False)
    cycle.see(False, False, 0.1)
    assert cycle.ready


def test_a_part_that_comes_while_the_station_cannot_judge_is_ng_at_once() -> None:
    desk = Desk()
    desk.cycle.hindered = "Evidence cannot be written."
    assert not desk.cycle.ready
    assert desk.see(trigger=True) is NG
    said = desk.cycle.answered(1)
    assert said is not None
    assert str(said.doubt) == (
        "The part was triggered while the station was not ready: Evidence cannot be written."
    )


def test_a_spoiled_part_is_ng_whatever_is_said_later() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.cycle.spoil(1, Doubt(MIXED, "A and B"), desk.now)
    assert desk.judged(OK) is NG
    assert desk.why() is MIXED


def test_what_is_said_of_a_part_of_long_ago_answers_no_other() -> None:
    desk = Desk()
    desk.see(trigger=True)
    desk.judged(NG)
    desk.see(acknowledge=True)
    desk.see()
    desk.see(trigger=True)
    desk.cycle.judged(1, OK, desk.now)
    assert desk.put() is None


ACTIONS = st.one_of(
    st.tuples(st.just("see"), st.booleans(), st.booleans()),
    st.tuples(st.just("judged"), st.sampled_from(Outcome), st.integers(0, 2)),
    st.tuples(st.just("spoil"), st.just(0), st.just(0)),
    st.tuples(st.just("away"), st.just(0), st.just(0)),
    st.tuples(st.just("lost"), st.just(0), st.just(0)),
    st.tuples(st.just("able"), st.booleans(), st.just(0)),
)
PAUSES = st.sampled_from([0.0, 0.01, 0.5, CYCLE - 0.001, CYCLE, 3.0])


class Model:
    """What a watcher beside the line writes down, in terms that know nothing of the machine's states."""

    def __init__(self) -> None:
        self.cycle, self.now = Cycle(CYCLE, ACKNOWLEDGE), 0.0
        self.level: bool | None = None
        self.edges = 0
        self.begun: dict[int, float] = {}
        self.ok_in_time: set[int] = set()
        self.judged_before: set[int] = set()
        self.answers: dict[int, list[Outcome]] = {}
        self.put: Outcome | None = None
        self.counts: dict[Kind, int] = {}

    def do(self, action: tuple[str, object, object]) -> None:
        name, first, second = action
        number = self.cycle.number - (second if name == "judged" and isinstance(second, int) else 0)
        if name == "see":
            self.edges += bool(first) and self.level is False
            self.level = bool(first)
            self.cycle.see(bool(first), bool(second), self.now)
        elif name == "judged" and isinstance(first, Outcome):
            in_time = number in self.begun and self.now < self.begun[number] + CYCLE
            if first is OK and in_time and number not in self.judged_before:
                self.ok_in_time.add(number)
            self.judged_before.add(number)
            self.cycle.judged(number, first, self.now)
        elif name == "spoil":
            self.judged_before.add(number)
            self.cycle.spoil(number, Doubt(MIXED, "x"), self.now)
        elif name in {"away", "lost"}:
            self.level = None
            self.cycle.away(self.now)
        else:
            self.cycle.hindered = "" if first else "no."
        self.look(reached=name != "lost")

    def look(self, reached: bool) -> None:
        said = self.cycle.put(self.now)
        for event in self.cycle.events():
            self.counts[event.kind] = self.counts.get(event.kind, 0) + 1
            if event.kind is Kind.BEGUN:
                self.begun[event.number] = self.now
        if said and reached and self.level is not None:
            self.answers.setdefault(self.cycle.number, []).append(said.outcome)
            self.cycle.was_put(said)
        assert not (self.cycle.ready and said), "never ready while an answer is there"


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.tuples(ACTIONS, PAUSES), max_size=60))
def test_no_order_of_signals_puts_out_an_ok_that_was_not_judged_in_time(
    steps: list[tuple[tuple[str, object, object], float]],
) -> None:
    model = Model()
    for action, pause in steps:
        model.now += pause
        model.do(action)
    model.now += CYCLE
    model.do(("see", False, False))
    for number, told in model.answers.items():
        assert len(set(told)) == 1, "an answer that the PLC has never changes"
        assert told[0] is not OK or number in model.ok_in_time
    assert model.counts.get(Kind.ANSWERED, 0) == model.counts.get(Kind.BEGUN, 0) == model.cycle.number
    assert model.counts.get(Kind.BEGUN, 0) + model.counts.get(Kind.TRIGGERED_AGAIN, 0) == model.edges
