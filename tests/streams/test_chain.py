import hashlib
import os
import subprocess
import sys
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from streams.catalog import Catalog
from streams.chain import LineChain, SnapshotMismatch
from streams.clock import SECOND
from streams.log import mixed
from streams.log.abc import Entry, Kind
from streams.oee import Losses
from streams.operators.testing import NOON, entry, everything, judged, machine, numbers, table, tick, words
from streams.records import RAW_LIMIT, Rejects, Rows, encode

CATALOG = Catalog((machine("mill", ("load", "speed")), machine("cell", counts="parts", ideal_cycle=SECOND)))


def at(seconds):
    return NOON + int(seconds * SECOND)


def parts(given):
    """Stand in for the engine: the payload is the outcome; anything else cannot be read."""
    outcome = given.payload.decode()
    if outcome not in ("good", "reject", "review"):
        raise ValueError("no verdict")
    judged_part = judged(("cell", given.received, outcome))
    return (Rows("verdicts", {"ts": judged_part.ts}),), judged_part


def line():
    return LineChain(CATALOG, parts)


@cache
def recorded(seconds=100):
    """A log with everything in it: numbers in disorder, words, verdicts, rubbish, silence."""
    rng = np.random.default_rng(7)
    entries = []

    def add(kind, received, payload):
        entries.append(Entry(len(entries) + 1, kind, received, "gw/1", payload))

    for second in range(seconds):
        ts = at(second) - rng.integers(0, 8 * SECOND, 20)
        values = [("mill", ("load", "speed")[i % 2], int(t), rng.normal()) for i, t in enumerate(ts)]
        add(Kind.READINGS, at(second), encode(numbers([*values, ("mill", "x", at(second), 1.0)]).to_arrow()))
        if second % 9 == 0:
            word = ("ACTIVE", "READY", "STOPPED")[second // 9 % 3]
            add(
                Kind.READINGS, at(second), encode(words([("mill", "execution", at(second), word)]).to_arrow())
            )
        if second % 11 == 0:
            add(Kind.VERDICT, at(second), (b"good", b"reject", b"?")[second // 11 % 3])
        if second % 50 == 3:
            add(Kind.READINGS, at(second), b"\0 no arrow at all")
        add(Kind.TICK, at(second + 0.5), b"")
    return entries


def rows_of(entries, chain=None):
    chain = chain or line()
    return [row for item in entries for row in chain.update(item).rows]


def digest(entries):
    return hashlib.sha256(repr(everything(map(line().update, entries))).encode()).hexdigest()


def test_a_reading_becomes_a_row_and_a_window_once_time_has_passed():
    readings = numbers([("mill", "load", at(0.5), 3.0)])
    rows = rows_of([entry(1, readings, at(1)), tick(2, at(11.5)), tick(3, at(14))])
    assert table(rows, "readings", "machine", "tag", "value", "received") == [("mill", "load", 3.0, at(1))]
    assert table(rows, "windows", "tag", "ts", "width_us", "sum") == [("load", NOON, SECOND, 3.0)]


def test_words_become_states_runs_and_an_account():
    said = [("mill", "execution", at(0), "ACTIVE"), ("mill", "execution", at(30), "READY")]
    ticks = [tick(place, at(second)) for place, second in enumerate((40, 50, 60), start=2)]
    rows = rows_of([entry(1, words(said), at(30)), *ticks])
    assert table(rows, "states", "state") == [("run",), ("run",), ("stop",)]
    assert table(rows, "runs", "ts", "end_ts", "completed") == [(NOON, at(30), 1)]
    account = table(rows, "oee", "machine", "good", "ideal_cycle_us", "effective_us")
    assert account[-2:] == [("mill", 1, 30 * SECOND, 30 * SECOND), ("cell", 0, SECOND, 0)]


def remember(chain, since, entries):
    """Give a restored chain again what stands in the log beside its snapshot."""
    for item in entries:
        if since is not None and item.position > since:
            chain.remember(item)


NIGHT = 12 * 3600


def night(said=True):
    """A minute of running, nothing at all for a night, then a minute in which the machine may speak."""
    telling = {0: "ACTIVE"} | ({NIGHT + 21: "ACTIVE"} if said else {})
    for place, second in enumerate([*range(60), *range(NIGHT, NIGHT + 60)], start=1):
        spoken = [("mill", "execution", at(second), telling[second])] if second in telling else []
        yield entry(place, words(spoken), at(second)) if spoken else tick(place, at(second))


def test_a_night_without_any_entry_is_no_data_until_the_machine_speaks():
    rows = rows_of(night())
    opened = [row[:2] for row in table(rows, "states", "ts", "state", "end_ts") if row[2] is None]
    assert opened == [(NOON, "run"), (at(59), "no_data"), (at(NIGHT + 21), "run")]
    assert table(rows, "runs", "ts", "end_ts", "completed") == [(NOON, at(59), 0)]
    states = table(rows_of(night(said=False)), "states", "state")
    assert states == [("run",), ("run",), ("no_data",)]


def test_the_losses_of_a_night_without_entries_are_those_of_its_time():
    rows = rows_of(night())
    parts = [f"{loss.name}_us" for loss in fields(Losses) if loss.name != "calendar"]
    accounts = {}
    for name, ts, calendar, *losses in table(rows, "oee", "machine", "ts", "calendar_us", *parts):
        assert calendar == sum(losses)
        accounts[name, ts] = dict(zip(parts, losses, strict=True))
    unknown = sum(losses["no_data_us"] for (name, _), losses in accounts.items() if name == "mill")
    before_noon, silent = 12 * 3600, NIGHT + 21 - 59  # the first account begins at midnight
    assert unknown == (before_noon + silent) * SECOND


def test_a_chain_restored_within_a_silence_notices_it():
    entries = list(night())
    undisturbed, restored = line(), line()
    for item in entries[:60]:
        undisturbed.update(item)
    restored.restore(undisturbed.snapshot())
    remember(restored, undisturbed.since, entries[:60])
    rest = everything(map(restored.update, entries[60:]))
    assert rest == everything(map(undisturbed.update, entries[60:]))
    assert "no_data" in repr(rest)


def test_a_verdict_is_urgent_and_counts():
    chain = line()
    chain.update(tick(1, at(0)))
    chain.update(tick(2, at(60)))
    output = chain.update(Entry(3, Kind.VERDICT, at(61), "station", b"reject"))
    assert output.urgent
    assert (output.position, output.received) == (3, at(61))
    assert table(output.rows, "verdicts", "ts") == [(at(61),)]
    assert table(output.rows, "oee", "machine", "reject", "reject_loss_us") == [("cell", 1, SECOND)]


@pytest.mark.parametrize("kind", [Kind.READINGS, Kind.REJECTS, Kind.VERDICT, Kind.FRAMES, Kind.MIXED])
def test_a_payload_that_cannot_be_read_is_quarantined(kind):
    payload = b"\xff\0rubbish" + b"x" * 2 * RAW_LIMIT
    rows = rows_of([Entry(1, kind, NOON, "gw", payload)])
    ((source, reason, raw),) = table(rows, "quarantine", "source", "reason", "raw")
    assert (source, reason) == ("gw", "unreadable")
    assert raw.startswith("\\xff\\x00rubbish")


def test_an_arrow_batch_of_something_else_is_unreadable():
    other = encode(Rejects.of("x", ["y"]).to_arrow())
    readings = encode(numbers([("mill", "load", NOON, 1.0)]).to_arrow())
    rows = rows_of([Entry(1, Kind.READINGS, NOON, "gw", other), Entry(2, Kind.REJECTS, NOON, "gw", readings)])
    assert table(rows, "quarantine", "reason") == [("unreadable",), ("unreadable",)]


def test_what_a_connector_rejected_is_quarantined_with_its_reason():
    rejects = Rejects.of("cut_line", ["2026-01-01T00:00|exec"], "mill")
    rows = rows_of([Entry(1, Kind.REJECTS, NOON, "shdr", encode(rejects.to_arrow()))])
    assert table(rows, "quarantine", "ts", "source", "machine", "reason", "raw") == [
        (NOON, "shdr", "mill", "cut_line", "2026-01-01T00:00|exec")
    ]


def test_a_message_of_good_and_bad_lines_is_both():
    good = numbers([("mill", "load", NOON, 1.0)])
    kind, payload = mixed.pack(good, Rejects.of("malformed_json", ["{half"], "mill"))
    rows = rows_of([Entry(1, kind, NOON, "sensors/press", payload)])
    assert table(rows, "readings", "machine", "tag", "value") == [("mill", "load", 1.0)]
    assert table(rows, "quarantine", "source", "reason") == [("sensors/press", "malformed_json")]


@pytest.mark.parametrize("cut", [2, 8, 300])
def test_a_mixed_payload_that_is_cut_is_unreadable(cut):
    kind, payload = mixed.pack(numbers([("mill", "load", NOON, 1.0)]), Rejects.of("x", ["y"]))
    rows = rows_of([Entry(1, kind, NOON, "gw", payload[:cut])])
    assert table(rows, "quarantine", "reason") == [("unreadable",)]


def test_every_entry_gives_an_output_even_a_silent_one():
    assert line().update(tick(9, NOON)).position == 9


def test_a_replay_gives_the_same_bytes():
    entries = recorded()
    assert digest(entries) == digest(entries)


def test_a_replay_gives_the_same_bytes_whatever_the_hash_seed():
    program = (
        "import importlib.util; "
        f"spec = importlib.util.spec_from_file_location('t', {str(Path(__file__))!r}); "
        "t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t); "
        "print(t.digest(t.recorded(60)))"
    )
    env = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
    assert run.stdout.strip() == digest(recorded(60))


@pytest.mark.parametrize("cut", [1, 47, 155])
def test_a_restored_chain_goes_on_as_the_undisturbed_one(cut):
    entries = recorded()
    undisturbed, restored = line(), line()
    for item in entries[:cut]:
        undisturbed.update(item)
    restored.restore(undisturbed.snapshot())
    remember(restored, undisturbed.since, entries[:cut])
    assert everything(map(restored.update, entries[cut:])) == everything(
        map(undisturbed.update, entries[cut:])
    )


def test_the_log_of_the_tests_reaches_every_table():
    reached = {row.table for row in rows_of(recorded())}
    assert reached == {
        "readings", "windows", "states", "runs", "anomalies", "oee", "quarantine", "verdicts", "clocks",
    }  # fmt: skip


def test_older_versions_that_an_operator_names_are_restored():
    chain = line()
    rows_of(recorded(20), chain)
    (version,) = chain.older["outbox"]
    nothing = b'{"stops": {}, "alarms": {}, "withdrawals": {}, "closed": {}}'
    chain.restore(chain.snapshot() | {"outbox": (version, nothing)})
    with pytest.raises(SnapshotMismatch, match=f"version {version - 1} of outbox"):
        chain.restore(chain.snapshot() | {"outbox": (version - 1, nothing)})


def test_a_snapshot_of_another_version_changes_nothing():
    chain = line()
    rows_of(recorded(20), chain)
    before = chain.snapshot()
    older = before | {"oee": (0, b"")}
    with pytest.raises(SnapshotMismatch, match="version 0 of oee"):
        chain.restore(older)
    assert chain.snapshot() == before
