import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from engine.parts import PartRows
from engine.plant import Plant
from engine.release import Event
from streams.log.abc import Entry, Kind
from streams.records import NULL, Text
from vision.records import Decision, Finding, FrameLoss, Identity, Outcome, Verdict, Versions, View

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
    return {name: listed(column) for name, column in rows.columns.items()}


def listed(column):
    """Return a column's items, None where a number is none."""
    if isinstance(column, Text):
        return column.to_list()
    return [None if isinstance(item, float) and np.isnan(item) else item for item in column.tolist()]


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
    assert said["release"] == [NULL]
    assert plain(PartRows(PLANT)(entry(verdict(release=7).to_json()))[0][0])["release"] == [7]
    assert said["serial_source"] == said["line_answer"] == said["operator"] == [None]
    assert findings["label"] == ["Surface_pores", "Weld"]
    assert findings["iso6520"] == ["2017", None]
    assert (findings["x1"], findings["score"]) == ([3.5, 9.0], [0.75, 0.9])
    assert (frames["first"], frames["last"], frames["outcome"]) == ([7, 9], [7, 9], ["inspected"] * 2)
    assert frames["reason"] == ["", "too dark"]
    assert [json.loads(item) for item in frames["quality"]] == [{"blur": 2.5, "dark": None}, {}]


DECIDED = {
    "recipe": "bracket 4",
    "rule": "pores",
    "rule_set": "bracket 3",
    "process": "135",
    "standard": "ISO 5817 C",
    "decided_view": "front",
    "decided_finding": 1,
    "measure": "length_mm",
    "measured": 2.5,
    "bound": 2.0,
}


def test_a_verdict_lands_with_what_decided_it():
    pore = replace(PORE, rule="pores", judged="reject", length_mm=2.5, area_mm2=5.0, on_seam=True)
    view = replace(VIEWS[0], findings=(BEAD, pore))
    decision = Decision("pores", "bracket 3", "135", "ISO 5817 C", "front", 1, "length_mm", 2.5, 2.0)
    rows, _ = PartRows(PLANT)(entry(verdict(views=(view,), decision=decision, recipe="bracket 4").to_json()))
    said, findings, _ = map(plain, rows)
    assert {name: column[0] for name, column in said.items() if name in DECIDED} == DECIDED
    assert findings["place"] == [0, 1]
    assert (findings["rule"], findings["judged"]) == ([None, "pores"], [None, "reject"])
    assert (findings["length_mm"], findings["on_seam"]) == ([None, 2.5], [NULL, 1])


def test_a_verdict_from_before_decisions_were_told_is_read_and_lands_without_one():
    old = json.loads(verdict().to_json())
    for key in ("decision", "recipe", "purpose"):
        del old[key]
    for view in old["views"]:
        for key in ("seam", "mm_per_pixel"):
            del view[key]
        view["findings"] = [
            {key: found[key] for key in ("label", "score", "box", "iso6520")} for found in view["findings"]
        ]
    rows, counted = PartRows(PLANT)(entry(json.dumps(old).encode()))
    said, findings = plain(rows[0]), plain(rows[1])
    assert (said["rule"], said["decided_finding"], said["measured"]) == ([None], [NULL], [None])
    assert findings["judged"] == [None, None]
    assert len(counted) == 1


def test_what_happened_to_a_release_is_a_row():
    event = Event("gate", 7, T0, "failed", "demo", "r", "judged NG", serial="OK-1", since=T0 - 9)
    (rows,), counted = PartRows(PLANT)(entry(event.to_json(), Kind.RELEASE))
    said = plain(rows)
    assert (rows.table, len(counted)) == ("releases", 0)
    assert (said["event"], said["serial"], said["since"], said["until"]) == (
        ["failed"],
        ["OK-1"],
        [T0 - 9],
        [NULL],
    )
    with pytest.raises(ValueError, match="is no station"):
        PartRows(PLANT)(entry(replace(event, station="mill").to_json(), Kind.RELEASE))


@pytest.mark.parametrize("why", ["bypass", "no_recipe"])
def test_frames_of_a_part_that_nobody_inspected_are_dropped_with_the_reason(why):
    rows, _ = PartRows(PLANT)(entry(verdict(views=(replace(VIEWS[0], rejected=why, findings=()),)).to_json()))
    frames = plain(rows[-1])
    assert (frames["outcome"], frames["reason"], frames["serial"]) == (["dropped"], [why], ["S-1"])


def test_a_master_part_counts_nowhere():
    _, counted = PartRows(PLANT)(entry(verdict(purpose="master").to_json()))
    assert len(counted) == 0


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
