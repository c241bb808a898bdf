import json
import pickle

import numpy as np
import pytest

from engine.parts import PartRows
from engine.plant import Plant
from streams.log.abc import Entry, Kind
from streams.records import Text
from vision.records import Finding, FrameLoss, Identity, Outcome, Verdict, Versions, View

T0 = 1_700_000_000_000_000
PLANT = Plant.model_validate(
    {
        "name": "shop",
        "machines": [{"name": "robot", "tags": []}],
        "stations": [{"name": "gate", "cameras": [], "judges": "robot"}, {"name": "exit", "cameras": []}],
    }
)
PORE = Finding("Surface_pores", 0.75, (1.0, 2.0, 3.5, 4.0), "2017")
BEAD = Finding("Weld", 0.9, (0.0, 0.0, 9.0, 9.0))
VIEWS = (
    View("c1", "front", "r1", 7, T0, "aa", 416, 400, {"blur": 2.5, "dark": float("nan")}, (PORE, BEAD)),
    View("c2", "top", "r2", 9, T0 + 1, "bb", 320, 320, {}, (), rejected="too dark"),
)


def verdict(station="gate", outcome=Outcome.NG, **changes):
    fields = {
        "station": station,
        "serial": "S-1",
        "part_number": "demo",
        "attempt": 1,
        "ts": T0 + 5,
        "outcome": outcome,
        "reason": "a pore",
        "versions": Versions("m", "p", "r"),
        "views": VIEWS,
    }
    return Verdict(**(fields | changes))


def entry(payload, kind=Kind.VERDICT, received=T0 + 10):
    return Entry(3, kind, received, "gate/1", payload)


def plain(rows):
    return {
        name: column.to_list() if isinstance(column, Text) else column.tolist()
        for name, column in rows.columns.items()
    }


def test_a_verdict_becomes_one_row_its_findings_and_its_frames():
    rows, _ = PartRows(PLANT)(entry(verdict().to_json()))
    assert [(part.table, len(part)) for part in rows] == [
        ("verdicts", 1),
        ("findings", 2),
        ("frame_ledger", 2),
    ]
    said, findings, frames = map(plain, rows)
    assert (said["station"], said["machine"], said["outcome"]) == (["gate"], ["robot"], ["NG"])
    assert said["received"] == [T0 + 10]
    assert said["serial_source"] == said["line_answer"] == said["operator"] == [None]
    assert findings["label"] == ["Surface_pores", "Weld"]
    assert findings["iso6520"] == ["2017", None]
    assert (findings["x1"], findings["score"]) == ([3.5, 9.0], [0.75, 0.9])
    assert (frames["first"], frames["last"], frames["outcome"]) == ([7, 9], [7, 9], ["inspected"] * 2)
    assert frames["reason"] == ["", "too dark"]
    assert [json.loads(item) for item in frames["quality"]] == [{"blur": 2.5, "dark": None}, {}]


def test_who_the_part_was_and_what_the_line_was_told_are_columns():
    identity = Identity("plc", "O-77", "F3", "Li Na")
    told = verdict(identity=identity, answer="NG", outcome=Outcome.REVIEW)
    (said, *_), _ = PartRows(PLANT)(entry(told.to_json()))
    columns = ("serial_source", "order_number", "fixture", "operator", "line_answer", "outcome")
    assert [plain(said)[name] for name in columns] == [
        ["plc"],
        ["O-77"],
        ["F3"],
        ["Li Na"],
        ["NG"],
        ["REVIEW"],
    ]


def test_a_verdict_of_before_there_were_identities_is_read():
    old = json.loads(verdict().to_json())
    del old["identity"], old["answer"]
    read = Verdict.from_json(json.dumps(old))
    assert (read.identity, read.answer, read.serial) == (Identity(), "", "S-1")


@pytest.mark.parametrize(
    ("outcome", "good", "reject", "review"),
    [(Outcome.OK, 1, 0, 0), (Outcome.NG, 0, 1, 0), (Outcome.REVIEW, 0, 0, 1)],
)
def test_a_part_counts_once_for_the_machine_that_is_judged(outcome, good, reject, review):
    _, counts = PartRows(PLANT)(entry(verdict(outcome=outcome).to_json()))
    assert counts.machine.to_list() == ["robot"]
    assert counts.ts.tolist() == [T0 + 5]
    found = counts.good.tolist(), counts.reject.tolist(), counts.review.tolist()
    assert found == ([good], [reject], [review])


def test_a_station_that_judges_none_counts_for_itself():
    rows, counts = PartRows(PLANT)(entry(verdict("exit", Outcome.OK, views=()).to_json()))
    assert counts.machine.to_list() == ["exit"]
    assert [part.table for part in rows] == ["verdicts"]


def test_lost_frames_enter_the_ledger_and_count_no_part():
    loss = FrameLoss("gate", "c1", "front", "r1", 10, 14, T0, "dropped", "queue full")
    (ledger,), counts = PartRows(PLANT)(entry(loss.to_json(), Kind.FRAMES))
    found = plain(ledger)
    assert (found["first"], found["last"], found["outcome"]) == ([10], [14], ["dropped"])
    assert (found["serial"], found["frame_hash"]) == ([None], [None])
    assert len(counts) == 0


def test_an_unknown_number_of_missed_frames_is_a_row_that_counts_none():
    loss = FrameLoss("gate", "c1", "front", "r1", 6, 5, T0, "dropped", "camera_away", since=T0 - 90_000_000)
    (ledger,), _ = PartRows(PLANT)(entry(loss.to_json(), Kind.FRAMES))
    found = plain(ledger)
    assert (found["first"], found["last"], found["since"]) == ([6], [5], [T0 - 90_000_000])


@pytest.mark.parametrize(
    ("payload", "kind", "complaint"),
    [
        (b"\xff", Kind.VERDICT, "utf-8"),
        (b"{}", Kind.VERDICT, "not a verdict"),
        (verdict("kitchen").to_json(), Kind.VERDICT, "no station"),
        (verdict(ts=T0 - 90_000_000_000).to_json(), Kind.VERDICT, "event_time_out_of_range"),
        (verdict(ts="soon").to_json(), Kind.VERDICT, "cannot"),
        (verdict(attempt=7).to_json().replace(b":7,", b":%d," % 2**70), Kind.VERDICT, "cannot"),
        (b"[]", Kind.FRAMES, "not a frame loss"),
        (FrameLoss("gate", "c", "v", "r", 5, 4, T0, "late", "").to_json(), Kind.FRAMES, "no range"),
        (b"", Kind.TICK, "nothing of parts"),
    ],
)
def test_what_cannot_be_read_is_a_value_error(payload, kind, complaint):
    with pytest.raises(ValueError, match=complaint):
        PartRows(PLANT)(entry(payload, kind))


def test_the_same_entry_always_gives_the_same_rows_also_elsewhere():
    parts = PartRows(PLANT)
    there = pickle.loads(pickle.dumps(parts))
    one, other = (part(entry(verdict().to_json()))[0] for part in (parts, there))
    assert [plain(rows) for rows in one] == [plain(rows) for rows in other]
    assert all(column.dtype in (np.int64, np.float64) for rows in one for column in numbers(rows))


def numbers(rows):
    return [column for column in rows.columns.values() if isinstance(column, np.ndarray)]
