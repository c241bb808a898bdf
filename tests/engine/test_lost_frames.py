"""The ledger closes over what a full log dropped."""

from dataclasses import replace

from engine.lost_frames import OLDEST, REASON, told
from engine.parts import PartRows
from engine.plant import Plant
from streams.clock import DAY, SECOND
from streams.log.abc import Entry, Kind
from vision.records import FrameLoss, Outcome, Verdict, Versions, View

T0 = 1_700_000_000_000_000


def view(sequence, camera="c1", run="r1"):
    return View(camera, "front", run, sequence, T0 + sequence, f"{sequence:064x}", 416, 416, {}, ())


def verdict(position, *views):
    said = Verdict("gate", f"S{position}", "p", 1, T0, Outcome.OK, "", Versions("m", "p", "r"), views)
    return Entry(position, Kind.VERDICT, T0, "gate/1", said.to_json())


def losses(framed, stamp=T0 + SECOND):
    return [FrameLoss.from_json(payload) for payload in told(framed, stamp)]


def test_frames_of_lost_verdicts_are_ranges_by_camera_and_run():
    busy = FrameLoss("gate", "c1", "front", "r1", 4, 4, T0 + 4, "dropped", "station_busy")
    framed = [
        verdict(1, view(1), view(1, "c2")),
        verdict(2, view(2), view(2, "c2")),
        Entry(3, Kind.FRAMES, T0, "gate/1", busy.to_json()),
        verdict(4, view(5), view(3, "c2")),
        verdict(5, view(1, run="r2")),
        Entry(6, Kind.VERDICT, T0, "gate/1", b"half a verd"),
    ]
    found = losses(framed)
    assert [(loss.camera, loss.run, loss.first, loss.last, loss.reason) for loss in found] == [
        ("c1", "r1", 1, 2, REASON),
        ("c1", "r1", 4, 4, "station_busy"),
        ("c1", "r1", 5, 5, REASON),
        ("c1", "r2", 1, 1, REASON),
        ("c2", "r1", 1, 3, REASON),
    ]
    assert sum(loss.frames for loss in found) == 8


def test_what_was_told_is_told_again_when_it_is_lost_itself():
    once = told([verdict(1, view(1), view(2))], T0)
    again = [Entry(9, Kind.FRAMES, T0, "", payload) for payload in once]
    assert told(again, T0) == once
    (joined,) = losses([*again, verdict(10, view(3))])
    assert (joined.first, joined.last) == (1, 3)


def test_what_was_lost_long_ago_is_no_row_for_quarantine():
    (loss,) = losses([verdict(1, view(1))], stamp=T0 + 9 * DAY)
    assert loss == replace(loss, ts=T0 + 9 * DAY - OLDEST)
    plant = Plant.model_validate({"name": "x", "stations": [{"name": "gate", "cameras": []}]})
    (rows,), _ = PartRows(plant)(Entry(10, Kind.FRAMES, T0 + 9 * DAY + SECOND, "", loss.to_json()))
    assert rows.table == "frame_ledger"
