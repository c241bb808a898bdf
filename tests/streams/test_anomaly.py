import numpy as np
import pytest

from kernels.detect import Tuning
from streams.catalog import Catalog, Machine, Tag
from streams.clock import SECOND
from streams.operators.anomaly import Anomaly
from streams.operators.batch import Keys
from streams.operators.panes import Panes
from streams.operators.testing import NOON, keys, machine, table, windowed

KEYS = keys(machine("quiet", ()), machine("pump", ("a", "b", "c")), machine("press", ("p",)))
QUICK = Tuning(warm=30, smoothing=1)
PUMP = (3, 4, 5)
PRESS = (9,)
NONE = Panes.empty()
SCORE = ("ts", "version", "score", "tag", "share")


def panes(second, values, tags=PUMP):
    """Closed one-second panes of some keys, each of two readings with these means."""
    parts = np.array([(2, 2 * value, value, value) for value in values], dtype=np.float64).reshape(-1, 4)
    size = len(values)
    return Panes(
        key=np.array(tags[:size], dtype=np.int32),
        pane=np.full(size, NOON // SECOND + second, dtype=np.int64),
        width=np.full(size, SECOND, dtype=np.int64),
        version=np.ones(size, dtype=np.int32),
        parts=parts,
    )


def update(operator, closed):
    return operator.update(windowed(KEYS, closed))


def usual(operator, seconds, start=0):
    generator = np.random.default_rng(start)
    for second in range(start, start + seconds):
        told = update(operator, panes(second, generator.normal(10, 1, 3)))
    return table(told, "anomalies", "machine", "ts", "score", "threshold", "tag", "share")


def test_a_machine_is_scored_once_it_is_known():
    operator = Anomaly(KEYS, QUICK)
    assert usual(operator, 30) == []
    ((name, ts, score, threshold, _, share),) = usual(operator, 1, start=30)
    assert (name, ts) == ("pump", NOON + 30 * SECOND)
    assert 0 < score < threshold
    assert 1 / 3 <= share <= 1


def test_the_threshold_depends_on_the_number_of_tags():
    operator = Anomaly(KEYS, Tuning(warm=1))
    for second in range(3):
        told = update(operator, Panes.joined([panes(second, [1, 2, 3]), panes(second, [4], PRESS)]))
    assert table(told, "anomalies", "machine", "threshold") == [
        ("pump", pytest.approx(1 + (2 / 3) ** 0.5)),
        ("press", pytest.approx(1 + 2**0.5)),
    ]


def test_the_tag_that_left_its_usual_place_is_named():
    operator = Anomaly(KEYS, QUICK)
    usual(operator, 200)
    told = update(operator, panes(200, [10, 25, 10]))
    ((score, threshold, tag, share),) = table(told, "anomalies", "score", "threshold", "tag", "share")
    assert score > threshold
    assert tag == "b"
    assert share > 0.9


def test_an_anomaly_that_lasts_is_not_soon_taken_for_usual():
    operator = Anomaly(KEYS, QUICK)
    usual(operator, 200)
    for second in range(200, 260):
        told = update(operator, panes(second, [18, 18, 18]))
    ((score, threshold),) = table(told, "anomalies", "score", "threshold")
    assert score > threshold


def test_a_machine_with_some_tags_silent_is_scored_on_the_others():
    operator = Anomaly(KEYS, QUICK)
    usual(operator, 200)
    told = update(operator, panes(200, [10, 11]))
    assert [tag for (tag,) in table(told, "anomalies", "tag")] in (["a"], ["b"])


def test_tags_not_marked_are_not_looked_at():
    unmarked = Keys.of(Catalog((Machine("m", (Tag("a"),)),)))
    operator = Anomaly(unmarked, Tuning(warm=0))
    assert operator.update(windowed(unmarked, panes(0, [1.0], (0,)))) == ()


def test_a_restored_operator_scores_the_same_though_the_plant_has_grown():
    before = Anomaly(KEYS, QUICK)
    usual(before, 100)
    after = Anomaly(KEYS, QUICK)
    after.restore(before.snapshot())
    assert after.snapshot() == before.snapshot()
    grown = keys(machine("pump", ("new", "a", "b", "c")))
    other = Anomaly(grown, QUICK)
    other.restore(before.snapshot())
    scores = [
        table(operator.update(windowed(where, panes(100, [12, 12, 12], tags))), "anomalies", "score")
        for operator, where, tags in ((before, KEYS, PUMP), (after, KEYS, PUMP), (other, grown, (1, 2, 3)))
    ]
    assert scores[0] == scores[1] == scores[2] != []


def test_a_window_that_changes_is_scored_anew_and_so_are_those_after_it():
    """Seconds 60 to 63 may still change; second 61 does: as if it had been so from the beginning."""
    undisturbed, operator = Anomaly(KEYS, QUICK), Anomaly(KEYS, QUICK)
    seconds = [panes(second, [10 + second % 3, 10 + second % 5, 10 - second % 2]) for second in range(64)]
    true = [*seconds[:61], panes(61, [40, 10, 10]), *seconds[62:]]
    told = {
        which: [row for closed in given for row in table(update(which, closed), "anomalies", *SCORE)]
        for which, given in ((undisturbed, true), (operator, seconds))
    }
    update(operator, panes(64, [10, 10, 10]))
    operator.update(windowed(KEYS, NONE, settled=Panes.joined(seconds[:60])))
    again = Panes.joined([*true[60:], panes(64, [10, 10, 10])])
    revised = table(operator.update(windowed(KEYS, NONE, again=again, revised=[1])), "anomalies", *SCORE)
    assert [row[0] - NOON for row in revised] == [61 * SECOND, 62 * SECOND, 63 * SECOND, 64 * SECOND]
    assert {row[1] for row in revised} == {2}
    assert [row[2:] for row in revised[:3]] == [row[2:] for row in told[undisturbed][-3:]]
    assert operator.update(windowed(KEYS, NONE, again=again, revised=[1])) == ()
    update(undisturbed, panes(64, [10, 10, 10]))
    one, other = (update(which, panes(65, [11, 11, 11])) for which in (undisturbed, operator))
    assert table(one, "anomalies", *SCORE) == table(other, "anomalies", *SCORE) != []
