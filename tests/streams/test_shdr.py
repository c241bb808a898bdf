from __future__ import annotations

import json
import lzma
import os
import socket
import threading
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalog import Machine, Tag
from streams.clock import HOUR, MINUTE, SECOND, ManualClock
from streams.connectors import dial
from streams.connectors.batch import joined
from streams.connectors.memory import Memory, Standing
from streams.connectors.shdr import ShdrConnector
from streams.connectors.shdr_lines import FEW, LINE_LIMIT, LineBuffer, ShdrDecoder
from streams.connectors.stamps import stamp
from streams.peers.plug import unplug
from streams.records import GOOD, RAW_LIMIT, SNAPSHOT, UNTIMED
from streams.testing import MemoryOutlet, plain, rows, running, source_times, until

T = stamp("2016-05-11T10:18:29Z")
MACHINE = Machine(
    "Mazak03",
    (
        Tag("avail", numeric=False),
        Tag("execution", numeric=False),
        Tag("program", numeric=False),
        Tag("Xabs"),
        Tag("Xload"),
        Tag("servo_cond", numeric=False),
    ),
)


def decode(*lines, decoder=None, opened=T):
    decoder = decoder or ShdrDecoder(MACHINE, opened)
    return decoder.decode("".join(f"{line}\n" for line in lines).encode())


def test_several_pairs_on_a_line_share_its_time():
    readings, rejects = decode("2016-05-11T10:18:29Z|Xabs|412.30296|Xload|42|execution|ACTIVE")
    assert rows(readings) == [
        ("Xabs", T, 412.30296, GOOD),
        ("Xload", T, 42.0, GOOD),
        ("execution", T, "ACTIVE", GOOD),
    ]
    assert readings.machine.to_list() == ["Mazak03"] * 3
    assert source_times(readings) == [None] * 3
    assert len(rejects) == 0


def test_stamps_may_be_finer_than_microseconds_and_name_a_duration():
    assert stamp("2022-08-08T13:51:34.7167146Z") == 1659966694716714
    assert stamp("2016-05-11T10:18:29") == T
    assert stamp("2016-05-11T12:18:29+02:00") == T
    assert rows(decode("2016-05-11T10:18:29Z@100.0|Xload|1").readings) == [("Xload", T, 1.0, GOOD)]


def test_a_condition_is_read_as_its_level():
    readings, _ = decode(
        "2016-05-11T10:18:29Z|servo_cond|Normal||||",
        "2016-05-11T10:18:29Z|servo_cond|FAULT|E12|1|HIGH|Servo hot",
    )
    assert [value for _, _, value, _ in rows(readings)] == ["NORMAL", "FAULT"]


def test_three_pairs_are_no_condition():
    readings, _ = decode("2016-05-11T10:18:29Z|execution|UNAVAILABLE|program|UNAVAILABLE|avail|AVAILABLE")
    assert [tag for tag, *_ in rows(readings)] == ["execution", "program", "avail"]


def test_unavailable_is_a_value_of_a_text_and_none_of_a_number():
    readings, rejects = decode("2016-05-11T10:18:29Z|Xabs|UNAVAILABLE|execution|UNAVAILABLE")
    assert rows(readings) == [("execution", T, "UNAVAILABLE", GOOD)]
    assert len(rejects) == 0


def test_an_empty_value_is_a_text_but_no_number():
    readings, rejects = decode("2016-05-11T10:18:29Z|program|", "2016-05-11T10:18:29Z|Xabs|")
    assert rows(readings) == [("program", T, "", GOOD)]
    assert rejects.reason.to_list() == ["empty_value"]
    assert rejects.tag.to_list() == ["Xabs"]
    assert rejects.ts.tolist() == [T]
    assert rejects.raw.to_list() == ["2016-05-11T10:18:29Z|Xabs|"]


@pytest.mark.parametrize("lines", [1, FEW])
def test_a_line_is_kept_once_however_many_of_its_values_are_empty(lines):
    line = "2023-11-14T22:13:20Z" + "|Xload|" * 5000
    tracemalloc.start()
    rejects = decode(*[line] * lines).rejects
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rejects.raw.values == (line[:RAW_LIMIT],)
    assert len(rejects) == 5000 * lines
    assert peak < 1000 * len(rejects) + 5_000_000


def test_what_only_the_flow_can_judge_passes_through():
    """Text in a number, NaN, infinity and unknown tags are quarantined there, with the reading."""
    readings, rejects = decode(
        "2016-05-11T10:18:29Z|Xabs|broken",
        "2016-05-11T10:18:29Z|Xabs|NaN|Xload|inf",
        "2016-05-11T10:18:29Z|never_heard_of|7",
        "2016-05-11T10:18:29Z|Xload|1_000",
    )
    assert [str(value) for _, _, value, _ in rows(readings)] == ["broken", "nan", "inf", "7.0", "1_000"]
    assert len(rejects) == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("yesterday|Xabs|1", "bad_time"),
        ("@100.0|Xabs|1", "bad_time"),
        ("|Xabs", "malformed_line"),
        ("2016-05-11T10:18:29Z|Xabs", "malformed_line"),
        ("2016-05-11T10:18:29Z", "malformed_line"),
        ("2016-05-11T10:18:29Z|Xabs|1|Xload", "malformed_line"),
        ("no line at all", "bad_time"),
    ],
)
def test_lines_that_cannot_be_read_are_rejected_with_a_reason(line, reason):
    readings, rejects = decode(line)
    assert len(readings) == 0
    assert rejects.reason.to_list() == [reason]
    assert rejects.raw.to_list() == [line]


def test_a_line_without_a_time_has_that_of_its_receipt_and_says_so():
    for lines in (1, FEW):
        decoder = ShdrDecoder(MACHINE, T)
        said = [
            b"|Xabs|1.5|execution|ACTIVE",
            *[b"|Xload|2"] * (lines - 1),
            b"|servo_cond|Fault|E|1|HIGH|hot",
        ]
        readings, rejects = decoder.decode(b"\n".join(said), T + 7)
        assert rows(readings)[:2] == [("Xabs", T + 7, 1.5, UNTIMED), ("execution", T + 7, "ACTIVE", UNTIMED)]
        assert rows(readings)[-1] == ("servo_cond", T + 7, "FAULT", UNTIMED)
        assert set(source_times(readings)) == {None}
        assert len(rejects) == 0


def test_empty_lines_commands_and_assets_carry_no_readings():
    readings, rejects = decode(
        "",
        "*adapterVersion:UNAVAILABLE",
        "2022-08-08T10:33:04Z|@ASSET@|123456.33|CuttingTool|--multiline--ABCD",
        "<CuttingTool|serial='33'>",
        "--multiline--ABCD",
        "2022-08-08T13:51:41Z|@REMOVE_ASSET@|123456.8003",
        "2016-05-11T10:18:29Z|Xload|1\r",
    )
    assert rows(readings) == [("Xload", T, 1.0, GOOD)]
    assert len(rejects) == 0


def test_months_old_stamps_at_the_opening_are_a_snapshot_of_now():
    decoder = ShdrDecoder(MACHINE, opened=T)
    readings, _ = decode(
        "2015-11-09T21:08:09Z|avail|AVAILABLE",
        "2016-05-11T10:17:00Z|program|40",
        "2016-05-11T10:18:30Z|execution|ACTIVE",
        "2016-01-01T00:00:00Z|Xabs|1",
        decoder=decoder,
    )
    assert rows(readings) == [
        ("avail", T, "AVAILABLE", SNAPSHOT),
        ("program", T, "40", SNAPSHOT),
        ("execution", T + SECOND, "ACTIVE", GOOD),
        ("Xabs", T, 1.0, SNAPSHOT),
    ]
    assert source_times(readings)[0] == stamp("2015-11-09T21:08:09Z")
    assert source_times(readings)[2] is None


def test_out_of_order_lines_keep_their_times():
    readings, _ = decode(
        "2016-05-11T10:30:00Z|Xload|1", "2016-05-11T10:18:31Z|Xload|2", "2016-05-11T10:10:00Z|Xload|3"
    )
    assert [ts - T for _, ts, _, _ in rows(readings)] == [691 * SECOND, 2 * SECOND, -509 * SECOND]
    assert {quality for *_, quality in rows(readings)} == {GOOD}


def test_after_a_reconnection_all_that_is_older_than_the_loss_is_a_snapshot():
    """Else the state from before the loss would end the gap in the past."""
    decoder = ShdrDecoder(MACHINE, opened=T + 5 * SECOND, lost=T)
    readings, _ = decode("2016-05-11T10:18:09Z|avail|AVAILABLE", decoder=decoder)
    assert rows(readings) == [("avail", T + 5 * SECOND, "AVAILABLE", SNAPSHOT)]


def test_a_replay_announces_its_shift():
    decoder = ShdrDecoder(MACHINE, opened=0)
    readings, _ = decode(
        f"* seamline-shift: {HOUR} {T + HOUR}",
        "2016-05-10T00:00:00Z|avail|AVAILABLE",
        "2016-05-11T10:18:29Z|Xload|1",
        decoder=decoder,
    )
    assert rows(readings) == [("avail", T + HOUR, "AVAILABLE", SNAPSHOT), ("Xload", T + HOUR, 1.0, GOOD)]
    assert source_times(readings) == [stamp("2016-05-10T00:00:00Z"), T]


def test_a_shift_that_cannot_be_read_is_a_comment():
    assert rows(decode("* seamline-shift: much", "2016-05-11T10:18:29Z|Xload|1").readings)[0][1] == T


@given(st.lists(st.binary(max_size=6).filter(lambda line: b"\n" not in line), max_size=8), st.integers(1, 9))
def test_lines_come_whole_however_the_bytes_are_cut(lines, step):
    buffer, whole = LineBuffer(), b"".join(line + b"\n" for line in lines)
    stream = whole + b"rest"
    found = [buffer.feed(stream[at : at + step]) for at in range(0, len(stream), step)]
    assert all(lines.endswith(b"\n") for lines in found if lines)
    assert b"".join(found) == whole
    assert buffer.rest == b"rest"


def test_a_line_in_many_pieces_is_looked_through_once():
    buffer, begun = LineBuffer(), time.process_time()
    for _ in range(LINE_LIMIT // 50):
        assert buffer.feed(b"x" * 50) == b""
    assert time.process_time() - begun < 1


def test_a_line_without_end_is_given_up():
    buffer = LineBuffer()
    assert buffer.feed(bytes(LINE_LIMIT)) == b""
    assert buffer.feed(b"x") == bytes(LINE_LIMIT) + b"x\n"
    assert buffer.rest == b""


@given(st.text(alphabet="|*@:.-ZT0123456789\rabNaé", max_size=60))
def test_no_line_brings_the_decoder_down(line):
    decode(line, f"* PONG {line}", f"* seamline-shift: {line}", f"2016-05-11T10:18:29Z|{line}")


pair = st.sampled_from(
    [
        "Xabs|1.5",
        "Xload|UNAVAILABLE",
        "Xload|",
        "execution|ACTIVE",
        "other|1 2",
        "other|nan",
        "a|1|@b|2",
        "é|7",
    ]
)
said = st.one_of(
    st.tuples(st.sampled_from(["15-11-09T21:08:09", "16-05-11T10:18:30.5", "16-05-11T10:17:00"]), pair).map(
        lambda parts: f"20{parts[0]}Z|{parts[1]}"
    ),
    st.sampled_from(
        [
            "",
            "* PONG 10",
            f"* seamline-shift: {HOUR} {T}",
            "2016-05-11T10:18:31Z|servo_cond|Fault|E|1|HIGH|hot",
            "2016-05-11T10:18:31Z|@ASSET@|1|T|--multiline--A",
            "--multiline--A",
            "2016-05-11T10:18:31Z|Xload|broken\r",
            "2016-05-11T10:18:31Z|Xload",
            "|Xabs|7",
            "|execution|READY|Xload|",
            "|servo_cond|Fault|E|1|HIGH|hot",
            "|Xload",
        ]
    ),
)


@given(st.lists(said, min_size=1, max_size=60))
def test_many_lines_together_say_what_they_say_one_by_one(lines):
    together, apart = ShdrDecoder(MACHINE, T, T - HOUR), ShdrDecoder(MACHINE, T, T - HOUR)
    lines = lines * (1 + FEW // len(lines))
    found = [decode(*lines, decoder=together), joined([decode(line, decoder=apart) for line in lines])]
    assert plain(found[0]) == plain(found[1])
    assert together.heartbeat == apart.heartbeat


class Adapter:
    """A listening socket that says what a test wants."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(10)
        self.port = self._server.getsockname()[1]
        self.link = None

    def accept(self):
        if self.link:
            self.link.close()
        self.link, _ = self._server.accept()
        self.link.settimeout(10)
        return self.link

    def say(self, text):
        self.link.sendall(text.encode())

    def close(self):
        if self.link:
            self.link.close()
        self._server.close()


@pytest.fixture
def adapter():
    adapter = Adapter()
    yield adapter
    adapter.close()


@pytest.fixture
def clock():
    return ManualClock(T)


@pytest.fixture
def connector(adapter, clock):
    return ShdrConnector(MACHINE, "127.0.0.1", adapter.port, clock)


def test_lines_of_a_moment_become_one_batch(adapter, connector):
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        adapter.accept()
        adapter.say("".join(f"2016-05-11T10:18:29.{n:06}Z|Xload|{n}\n" for n in range(500)))
        outlet.wait_for(lambda kept: len(kept.rows()) == 500)
    assert len(outlet.batches) <= 6


def test_a_gateway_cut_off_in_the_middle_of_a_line_says_so_and_comes_back(adapter, connector, clock):
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        adapter.accept()
        adapter.say("2016-05-11T10:18:29Z|execution|ACTIVE\n2016-05-11T10:18:30Z|execu")
        outlet.wait_for(lambda kept: kept.rows())
        assert connector.trouble == ""
        clock.time = T + MINUTE
        adapter.link.close()
        adapter.accept()
        adapter.say("2016-05-11T10:18:29Z|execution|ACTIVE\n2016-05-11T10:19:30Z|Xload|7\n")
        outlet.wait_for(lambda kept: any(tag == "Xload" for tag, *_ in kept.rows()))
    assert outlet.reasons() == ["gap", "cut_line", "gap"]
    assert outlet.refused[1].raw.to_list() == ["2016-05-11T10:18:30Z|execu"]
    assert outlet.rows()[:4] == [
        ("execution", T, "ACTIVE", GOOD),
        ("avail", T + MINUTE, "UNAVAILABLE", GOOD),
        ("execution", T + MINUTE, "ACTIVE", SNAPSHOT),
        ("Xload", T + MINUTE + SECOND, 7.0, GOOD),
    ]
    assert connector.connections == 2


def test_a_stop_leaves_the_machine_unavailable(adapter, connector):
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        adapter.accept()
    assert outlet.rows() == [("avail", T, "UNAVAILABLE", GOOD)]
    assert connector.trouble.endswith("is gone: the connection ended.")


def gaps(outlet):
    """Return machine, from and why of each gap."""
    told = [
        (machine, json.loads(raw))
        for batch in outlet.refused
        for machine, raw in zip(batch.machine.to_list(), batch.raw.to_list(), strict=True)
    ]
    return [(machine, raw["from"], raw["why"]) for machine, raw in told]


def test_an_adapter_that_was_away_is_a_gap_also_of_a_machine_without_availability(adapter, clock):
    bare = ShdrConnector(Machine("m", ()), "127.0.0.1", adapter.port, clock)
    outlet = MemoryOutlet()
    with running(lambda stop: bare.run(outlet, stop)):
        adapter.accept()
        adapter.say("2016-05-11T10:18:29Z|Xload|1\n")
        outlet.wait_for(lambda kept: kept.rows())
        clock.time = T + MINUTE
        adapter.accept()
        outlet.wait_for(lambda kept: len(kept.reasons()) == 2)
    why = f"The adapter at 127.0.0.1:{adapter.port} is gone: the connection ended."
    assert outlet.reasons() == ["gap", "gap"]
    assert gaps(outlet) == [("m", None, "nobody listened before"), ("m", "2016-05-11T10:18:29Z", why)]
    assert outlet.rows() == [("Xload", T, 1.0, GOOD)]


def test_a_killed_gateway_is_a_gap_and_what_is_older_than_the_kill_is_a_snapshot(adapter, clock):
    """The next one has nothing of the former but what was noted of it."""
    before, outlet = Memory({"": Standing(heard=T - SECOND, until=T)}), MemoryOutlet()
    outlet.memory, clock.time = before, T + 30 * SECOND
    connector = ShdrConnector(MACHINE, "127.0.0.1", adapter.port, clock)
    with running(lambda stop: connector.run(outlet, stop)):
        adapter.accept()
        adapter.say("2016-05-11T10:18:20Z|avail|AVAILABLE\n|Xload|1\n")
        outlet.wait_for(lambda kept: len(kept.rows()) == 3)
    assert gaps(outlet) == [("Mazak03", "2016-05-11T10:18:28Z", "the gateway was killed")]
    assert outlet.rows()[:3] == [
        ("avail", T, "UNAVAILABLE", GOOD),
        ("avail", T + 30 * SECOND, "AVAILABLE", SNAPSHOT),
        ("Xload", T + 30 * SECOND, 1.0, UNTIMED),
    ]


def test_an_adapter_that_comes_late_is_found(clock):
    probe = Adapter()
    probe.close()
    outlet = MemoryOutlet()
    connector = ShdrConnector(MACHINE, "127.0.0.1", probe.port, clock)
    assert connector.trouble.endswith("has not answered yet.")
    with running(lambda stop: connector.run(outlet, stop)), socket.socket() as server:
        while not connector.trouble.endswith("does not answer: Connection refused."):
            assert not threading.Event().wait(0.01)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", probe.port))
        server.listen()
        server.settimeout(10)
        link, _ = server.accept()
        with link:
            link.sendall(b"2016-05-11T10:18:29Z|Xload|1\n")
            outlet.wait_for(lambda kept: len(kept.rows()) == 2)
    assert outlet.rows()[:2] == [("avail", T, "UNAVAILABLE", GOOD), ("Xload", T, 1.0, GOOD)]


def test_an_adapter_that_misses_its_heartbeats_is_left(adapter, connector):
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        link = adapter.accept()
        assert link.recv(100) == b"* PING\n"
        adapter.say("* PONG 50\n")
        assert link.recv(100).startswith(b"* PING\n")
        outlet.wait_for(lambda kept: ("avail", T, "UNAVAILABLE", GOOD) in kept.rows())
        adapter.accept()


def test_an_adapter_that_is_unplugged_is_gone_though_it_knows_no_heartbeat(adapter, connector, monkeypatch):
    for name in ("IDLE", "EVERY", "ASKED"):
        monkeypatch.setattr(dial, name, 1)
    outlet = MemoryOutlet()
    with running(lambda stop: connector.run(outlet, stop)):
        unplug(adapter.accept())
        outlet.wait_for(lambda kept: ("avail", T, "UNAVAILABLE", GOOD) in kept.rows())
        adapter.accept()
    assert gaps(outlet)[1][2].endswith("is gone: its machine is unplugged or switched off.")


def test_an_adapter_that_says_nothing_for_too_long_is_given_up_and_back_with_its_first_word(adapter, clock):
    outlet = MemoryOutlet()
    connector = ShdrConnector(MACHINE, "127.0.0.1", adapter.port, clock, silence=0.5)
    with running(lambda stop: connector.run(outlet, stop)):
        adapter.accept()
        outlet.wait_for(lambda kept: ("avail", T, "UNAVAILABLE", GOOD) in kept.rows())
        adapter.accept()
        until(lambda: connector.connections == 2)
        assert connector.trouble.endswith("is gone: it said nothing for 0.5 s.")
        assert outlet.reasons() == ["gap"]
        clock.time = T + MINUTE
        adapter.say("|Xload|1\n")
        outlet.wait_for(lambda kept: any(tag == "Xload" for tag, *_ in kept.rows()))
        until(lambda: not connector.trouble)
    assert gaps(outlet)[1][2].endswith("is gone: it said nothing for 0.5 s.")


def test_an_adapter_that_speaks_is_not_silent_however_long_the_log_holds_back(adapter, clock):
    """What it said meanwhile waits in the connection: that is looked at before its silence is."""
    outlet, held = MemoryOutlet(), threading.Event()
    keep = outlet.readings

    def hold(batch):
        held.set()
        assert not threading.Event().wait(1.0)
        return keep(batch)

    outlet.readings = hold
    connector = ShdrConnector(MACHINE, "127.0.0.1", adapter.port, clock, silence=0.5)
    with running(lambda stop: connector.run(outlet, stop)):
        adapter.accept()
        adapter.say("|Xload|1\n")
        assert held.wait(10)
        adapter.say("|Xload|2\n")
        outlet.wait_for(lambda kept: len(kept.rows()) == 2)
    assert connector.connections == 1


@pytest.fixture
def data():
    folder = os.environ.get("SEAMLINE_DATA")
    if not folder:
        pytest.skip("SEAMLINE_DATA names no folder of real data")
    return Path(folder)


@pytest.mark.data
def test_every_line_of_real_days_is_read(data):
    for path in (data / "nist-mtconnect").glob("*20160511*.xz"):
        lines = lzma.decompress(path.read_bytes())
        readings, rejects = ShdrDecoder(Machine("m", ()), 0).decode(lines)
        assert (len(readings), len(rejects)) == (len(lines.splitlines()), 0)


@pytest.mark.data
def test_a_second_dialect_is_read(data):
    lines = (data / "okuma" / "okuma.txt").read_bytes()
    readings, rejects = ShdrDecoder(Machine("okuma", ()), 0).decode(lines)
    tags = Counter(readings.tag.to_list())
    assert len(rejects) == 0
    assert (len(readings), tags["pexecution"], tags["X1load"]) == (25503, 16, 1484)
