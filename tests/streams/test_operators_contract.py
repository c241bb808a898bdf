"""What every operator owes the flow, checked for each by the same tests."""

import json
import pickle

import numpy as np
import pytest

from streams.catalog import Catalog, EventRule, Machine, Sensor
from streams.clock import SECOND
from streams.connectors.waveforms import decode_json
from streams.operators.admit import Admit, Arrival
from streams.operators.ahead import Ahead, Told
from streams.operators.anomaly import Anomaly
from streams.operators.clocks import Clocks
from streams.operators.oee import Oee, Progress
from streams.operators.outbox import Changes, Outbox
from streams.operators.panes import Panes
from streams.operators.standing import Lift, Said, Standing
from streams.operators.states import States
from streams.operators.testing import NOON, judged, keys, machine, numbers, plain, step, windowed, words
from streams.operators.tracks import Interval
from streams.operators.watermark import Heard, Watermark
from streams.operators.waveforms import AdmitWaveforms, Recorded
from streams.operators.windows import Windows
from streams.records import Columns, Readings, Rows, Text

KEYS = keys(machine("m", ("a", "b")), machine("n", counts="parts"))


def at(second):
    return NOON + second * SECOND


def said(second):
    """Something of every kind in one second: numbers, some late, words, silence."""
    rng = np.random.default_rng(second)
    late = at(second) - int(rng.integers(0, 20)) * SECOND
    both = numbers([("m", "a", at(second), rng.normal()), ("m", "b", late, 1.5), ("n", "a", at(second), 2.0)])
    word = words([("m", "execution", at(second), ("ACTIVE", "READY")[second // 7 % 2])])
    return both if second % 3 else word


def stepped(second):
    readings = None if second % 5 == 4 else said(second)
    marks = at(second - 2), at(second - 3)
    return step(KEYS, readings, *marks, received=at(second), position=second + 1)


def admitted(second):
    return Arrival(said(second), at(second), "gateway")


def heard(second):
    return Heard(at(second), stepped(second).newest)


def doubted(second):
    given = stepped(second)
    latest = np.array([at(second) - second % 3 * SECOND, at(second)])
    return Told(second + 1, at(second), "gateway", given.admitted, given.newest, latest)


def closed(second):
    found = np.arange(2, dtype=np.int32)
    pane, width = np.full(2, NOON // SECOND + second), np.full(2, SECOND)
    values = np.random.default_rng(second).normal(size=2)
    parts = np.stack([np.ones(2), values, values, values], axis=1)
    return windowed(KEYS, Panes(found, pane, width, np.ones(2, dtype=np.int32), parts))


def progress(second):
    states = States(KEYS)
    parts = judged(("n", at(second), "reject")) if second % 4 == 0 else judged()
    return Progress(at(second), stepped(second).marks, states.update(stepped(second)), parts)


def changed(second):
    name = ("stop", "run")[second // 7 % 2]
    begun = (Interval(second % 2, at(second), name, "READY", None),) if second % 7 == 0 else ()
    scored = Anomaly(KEYS).update(closed(second))
    high = tuple(Rows(row.table, {**row.columns, "threshold": np.zeros(len(row))}) for row in scored)
    return Changes(second, np.array([at(second - 2), at(second - 3)]), begun, high[second // 30 % 2 :], ())


def recorded(second):
    told = {"machine": "m", "sensor": ("probe", "ghost")[second % 2], "ts": at(second), "rate_hz": 100}
    found = decode_json(json.dumps(told | {"samples": [second, 0.5], "full_scale": 9}).encode())
    return Recorded(found, at(second), "gateway")


def upheld():
    operator = Standing()
    operator.begin({"oee": {"m": at(40)}}, {"oee": Lift(100, at(90))})
    return operator


def stated(second):
    """An account of each machine; that of ``m`` is of before the log in the first forty seconds."""
    ts, version = np.full(2, at(second)), np.full(2, second + 1)
    account = Rows("oee", {"machine": Text.of(["m", "n"]), "ts": ts, "version": version})
    return Said(at(second), accounts=(account,))


PROBED = Catalog((Machine("m", (), sensors=(Sensor("probe"),)),))
OPERATORS = {
    "admit": (lambda: Admit(KEYS), admitted),
    "admit_waveforms": (lambda: AdmitWaveforms(PROBED), recorded),
    "watermark": (lambda: Watermark(KEYS), heard),
    "ahead": (lambda: Ahead(KEYS), doubted),
    "clocks": (lambda: Clocks(KEYS), heard),
    "windows": (lambda: Windows(KEYS), stepped),
    "anomaly": (lambda: Anomaly(KEYS), closed),
    "states": (lambda: States(KEYS), stepped),
    "oee": (lambda: Oee(KEYS), progress),
    "standing": (upheld, stated),
    "outbox": (lambda: Outbox(KEYS, EventRule("line-1", 5 * SECOND)), changed),
}


@pytest.fixture(params=OPERATORS)
def case(request):
    return OPERATORS[request.param]


def flat(result):
    """Any operator's result as plain values."""
    if isinstance(result, Rows):
        return [(name, plain(result, name)) for name in result.columns]
    if isinstance(result, np.ndarray):
        return result.tolist()
    if isinstance(result, Text):
        return result.to_list()
    if isinstance(result, Columns) or hasattr(result, "__dataclass_fields__"):
        return [flat(getattr(result, name)) for name in result.__dataclass_fields__]
    return [flat(item) for item in result] if isinstance(result, (tuple, list)) else result


def locked(batch):
    """Make every array below a batch read-only, so that writing to one raises."""
    for name in getattr(batch, "__dataclass_fields__", ()):
        value = getattr(batch, name)
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
        elif not isinstance(value, (int, str)):
            locked(value)
    return batch


def test_the_registry_is_complete():
    for name, (make, _) in OPERATORS.items():
        assert make().name == name
        assert make().version >= 1


def test_an_operator_can_be_pickled_and_goes_on_the_same(case):
    make, batch = case
    operator = make()
    for second in range(20):
        operator.update(batch(second))
    twin = pickle.loads(pickle.dumps(operator))
    assert [repr(flat(twin.update(batch(s)))) for s in range(20, 90)] == [
        repr(flat(operator.update(batch(s)))) for s in range(20, 90)
    ]


def test_a_restored_snapshot_goes_on_the_same(case):
    make, batch = case
    operator, other = make(), make()
    for second in range(75):
        operator.update(batch(second))
    for second in range(9):
        other.update(batch(500 + second))
    other.restore(operator.snapshot())
    since = getattr(operator, "since", None)
    for second in range(75 if since is None else since, 75):
        other.remember(batch(second))
    assert other.snapshot() == operator.snapshot()
    assert [repr(flat(other.update(batch(s)))) for s in range(75, 140)] == [
        repr(flat(operator.update(batch(s)))) for s in range(75, 140)
    ]


def test_the_input_is_never_changed(case):
    make, batch = case
    operator = make()
    for second in range(70):
        operator.update(locked(batch(second)))


def test_the_result_does_not_change_afterwards(case):
    make, batch = case
    operator = make()
    results = [operator.update(batch(second)) for second in range(70)]
    before = repr(flat(results))
    for second in range(70, 140):
        operator.update(batch(second))
    assert repr(flat(results)) == before


def test_silence_is_taken_too():
    empty = step(KEYS, None, at(0), at(0))
    assert Admit(KEYS).update(Arrival(Readings.empty(), NOON, "")).rows == ()
    assert Windows(KEYS).update(empty).rows == ()
    assert Anomaly(KEYS).update(windowed(KEYS, Panes.empty())) == ()
    assert States(KEYS).update(empty).rows == ()
