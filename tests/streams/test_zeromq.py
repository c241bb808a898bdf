from __future__ import annotations

import json
import threading

import numpy as np
import pyarrow as pa
import pytest
import zmq

from streams.clock import ManualClock
from streams.connectors.zeromq import ZmqConnector
from streams.peers import endless
from streams.peers.ports import free_port
from streams.records import UNCERTAIN, UNTIMED, Readings, encode
from streams.testing import MemoryOutlet, rows, running, source_times


@pytest.fixture
def outlet():
    return MemoryOutlet()


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/sensors.sock"


class Sender:
    """A DEALER that asks and waits for the answer."""

    def __init__(self, endpoint, routing_id=None):
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, 10_000)
        if routing_id:
            self.socket.setsockopt(zmq.ROUTING_ID, routing_id)
        self.socket.connect(endpoint)

    def ask(self, kind, sequence, payload):
        self.socket.send_multipart([kind, sequence, payload])
        return tuple(self.socket.recv_multipart())

    def close(self):
        self.socket.close()
        self._context.term()


@pytest.fixture
def sender(endpoint, outlet):
    """A sender to a running connector."""
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)):
        sender = Sender(endpoint)
        yield sender
        sender.close()


def json_lines(*lines):
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()


def reading(**fields):
    return {"machine": "rig", "tag": "Pressure", "ts": 7} | fields


def test_an_arrow_batch_is_taken_and_answered(sender, outlet):
    batch = Readings.numbers(["rig"] * 2, ["Pressure", "Current"], [1, 2], [0.5, np.nan])
    assert sender.ask(b"arrow", b"\x01", encode(batch.to_arrow())) == (b"\x01", b"ok", b"")
    assert str(outlet.rows()) == "[('Pressure', 1, 0.5, 0), ('Current', 2, nan, 0)]"


def test_arrow_columns_may_be_left_out_and_batches_be_many(sender, outlet):
    columns = {"machine": ["rig"], "tag": ["x"], "ts": pa.array([5], pa.timestamp("ms")), "value": [1]}
    batch = pa.RecordBatch.from_pydict(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch)
    assert sender.ask(b"arrow", b"1", sink.getvalue().to_pybytes())[1] == b"ok"
    assert outlet.rows() == [("x", 5000, 1.0, 0)] * 2


def test_json_lines_are_taken(sender, outlet):
    payload = json_lines(
        reading(value=1.5),
        reading(text="on", quality=2, source_ts=3),
        reading(value=2, ts="2016-05-11T10:18:29Z", source_ts=None),
        "",
    )
    assert sender.ask(b"json", b"a", payload) == (b"a", b"ok", b"")
    assert outlet.rows() == [
        ("Pressure", 7, 1.5, 0),
        ("Pressure", 7, "on", 2),
        ("Pressure", 1462961909000000, 2.0, 0),
    ]
    assert source_times(outlet.batches[0]) == [None, 3, None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{half a li", "malformed_json"),
        ("[1, 2]", "malformed_json"),
        ("[" * 100_000, "malformed_json"),
        (reading(machine=5, value=1), "no_machine"),
        ({"machine": "rig", "ts": 1, "value": 1}, "no_tag"),
        (reading(ts="noon", value=1), "bad_time"),
        (reading(ts=True, value=1), "bad_time"),
        (reading(ts=10**30, value=1), "bad_time"),
        (reading(), "empty_value"),
        (reading(value=1, text="x"), "value_and_text"),
        (reading(value="broken"), "text_in_number"),
        (reading(value=[1]), "not_a_number"),
        (reading(value=10**400), "not_a_number"),
        (reading(text=5), "not_a_text"),
        (reading(value=1, quality=-1), "bad_quality"),
    ],
)
def test_a_line_that_cannot_be_read_is_rejected_and_the_others_are_taken(sender, outlet, line, reason):
    assert sender.ask(b"json", b"1", json_lines(line, reading(value=9)))[1] == b"ok"
    assert outlet.rows() == [("Pressure", 7, 9.0, 0)]
    assert outlet.reasons() == [reason]
    written = line if isinstance(line, str) else json.dumps(line)
    assert outlet.refused[0].raw.to_list() == [written[:4096]]


@pytest.mark.parametrize("ts", [{}, {"ts": None}])
def test_a_line_without_a_time_has_that_of_its_receipt_and_says_so(endpoint, outlet, ts):
    line = {"machine": "rig", "tag": "x", "value": 1, **ts}
    with running(lambda stop: ZmqConnector(endpoint, clock=ManualClock(99)).run(outlet, stop)):
        sender = Sender(endpoint)
        sender.ask(b"json", b"1", json_lines(line, line | {"tag": "é"}, line | {"quality": 2}))
        sender.close()
    assert outlet.rows() == [("x", 99, 1.0, UNTIMED), ("é", 99, 1.0, UNTIMED), ("x", 99, 1.0, UNCERTAIN)]


def test_nan_passes_through_to_the_flow(sender, outlet):
    sender.ask(b"json", b"1", b'{"machine": "rig", "tag": "x", "ts": 1, "value": NaN}')
    assert np.isnan(outlet.batches[0].value).all()


def wrong_indices():
    indices, words = pa.array([0, 7], pa.int32()), pa.array(["rig"])
    machine = pa.DictionaryArray.from_arrays(indices, words, safe=False)
    columns = {"machine": machine, "tag": ["x", "x"], "ts": [1, 2], "value": [1.0, 2.0]}
    return encode(pa.RecordBatch.from_pydict(columns))


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        (b"arrow", b"no arrow", b"the bytes are not Arrow batches"),
        (b"arrow", wrong_indices(), b"the bytes are not Arrow batches"),
        (b"arrow", encode(pa.RecordBatch.from_pydict({"machine": ["rig"]})), b"the columns of a reading"),
        (b"xml", b"<x/>", b"none of arrow, json"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_and_kept(sender, outlet, kind, payload, reason):
    label, answer, why = sender.ask(kind, b"1", payload)
    assert (label, answer) == (b"1", b"refused")
    assert reason in why
    assert outlet.reasons() == ["unreadable"]


def test_a_message_of_another_shape_is_kept_as_reject(sender, outlet):
    sender.socket.send_multipart([b"just one frame"])
    outlet.wait_for(lambda kept: kept.reasons() == ["malformed_message"])


@pytest.fixture
def place():
    return "127.0.0.1", free_port()


def test_a_message_without_end_is_cut_and_kept_as_reject_and_the_others_are_taken(outlet, place):
    endpoint = f"tcp://{place[0]}:{place[1]}"
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)):
        sender = Sender(endpoint)
        assert sender.ask(b"json", b"1", json_lines(reading(value=1)))[1] == b"ok"
        with endless.connect(place, b"DEALER") as link:
            whose = "{}:{}".format(*link.getsockname())
            assert endless.pour(link, 500) < 500
        outlet.wait_for(lambda kept: kept.reasons() == ["unfinished_message"])
        assert sender.ask(b"json", b"2", json_lines(reading(value=2)))[1] == b"ok"
        sender.close()
    assert outlet.refused[0].raw.to_list() == [whose]


def test_who_sends_much_in_messages_that_end_is_not_cut(outlet, place):
    endpoint, line = f"tcp://{place[0]}:{place[1]}", json_lines(reading(value=1))
    connector = ZmqConnector(endpoint)
    with running(lambda stop: connector.run(outlet, stop)):
        sender = Sender(endpoint)
        for number in range(40):
            sender.socket.send_multipart([b"json", b"%d" % number, line + b" " * (7 << 20)])
        assert {sender.socket.recv_multipart()[1] for _ in range(40)} == {b"ok"}
        assert connector.counters == {"disconnects": 0}
        sender.close()
    assert outlet.reasons() == []


def test_of_a_message_of_many_parts_only_the_first_are_kept(sender, outlet):
    sender.socket.send_multipart([b"part"] * 100_000)
    outlet.wait_for(lambda kept: kept.reasons() == ["malformed_message"])
    assert outlet.refused[0].raw.to_list() == ["|".join(["part"] * 5)]


def test_a_label_that_is_too_long_is_refused_and_not_remembered(sender, outlet):
    label = b"x" * 257
    for _ in range(2):
        answer = sender.ask(b"json", label, json_lines(reading(value=1)))
        assert answer == (label, b"refused", b"a label has 256 bytes at the most")
    assert outlet.rows() == []
    assert outlet.reasons() == ["label_too_long"] * 2
    assert sender.ask(b"json", label[1:], json_lines(reading(value=1)))[1] == b"ok"


def test_a_refusal_quotes_little_of_what_it_refuses(sender):
    assert len(sender.ask(b"x" * 1_000_000, b"1", b"")[2]) < 200


class SlowTicket:
    def __init__(self):
        self.safe = threading.Event()

    def wait(self, timeout):
        return self.safe.wait(timeout)


class SlowOutlet(MemoryOutlet):
    """An outlet whose readings are not safe until a test says so."""

    def __init__(self):
        super().__init__()
        self.ticket = SlowTicket()

    def readings(self, batch):
        super().readings(batch)
        return self.ticket


def test_the_answer_waits_for_the_disk_and_a_repeat_is_taken_once(endpoint):
    outlet, line = SlowOutlet(), json_lines(reading(value=1))
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)):
        sender = Sender(endpoint, b"pump-7")
        sender.socket.send_multipart([b"json", b"1", line])
        outlet.wait_for(lambda kept: kept.batches)
        assert not sender.socket.poll(50)
        sender.close()
        again = Sender(endpoint, b"pump-7")
        again.socket.send_multipart([b"json", b"1", line])
        outlet.ticket.safe.set()
        assert again.socket.recv_multipart() == [b"1", b"ok", b""]
        assert again.ask(b"json", b"1", line) == (b"1", b"ok", b"")
        again.close()
    assert [rows(batch) for batch in outlet.batches] == [[("Pressure", 7, 1.0, 0)]]


def test_answers_are_remembered_for_a_while_only(endpoint, outlet, monkeypatch):
    monkeypatch.setattr("streams.connectors.zeromq.REMEMBERED", 1)
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)):
        sender = Sender(endpoint)
        for label in (b"1", b"2", b"2", b"1"):
            sender.ask(b"json", label, json_lines(reading(value=1)))
        sender.close()
    assert len(outlet.rows()) == 3


def waveform(samples, **fields):
    known = {"machine": "rig", "sensor": "bearing", "ts": 7, "rate_hz": 25_600, "samples": samples}
    return json.dumps(known | fields).encode()


def arrow_waveform(samples):
    columns = {
        "machine": ["rig"],
        "sensor": ["bearing"],
        "ts": [7],
        "rate_hz": [25_600],
        "samples": [samples],
    }
    return encode(pa.RecordBatch.from_pydict(columns))


@pytest.mark.parametrize(
    ("kind", "write"), [(b"waveform-json", waveform), (b"waveform-arrow", arrow_waveform)]
)
def test_a_waveform_is_taken_and_answered(sender, outlet, kind, write):
    assert sender.ask(kind, b"1", write([0.5, 1.5])) == (b"1", b"ok", b"")
    (found,) = outlet.recorded
    assert (found.sensor.to_list(), found.samples.tolist()) == (["bearing"], [[0.5, 1.5]])
    label, answer, why = sender.ask(kind, b"2", write([0] * 131_073))
    assert (label, answer) == (b"2", b"refused")
    assert b"send it in parts of at most 131072" in why
    assert outlet.reasons() == ["unreadable"]
    assert len(outlet.recorded) == 1


@pytest.mark.parametrize("kind", [b"arrow", b"waveform-arrow"])
def test_rows_that_cannot_be_in_so_few_bytes_are_refused(sender, kind):
    columns = {name: pa.nulls(100_000_000) for name in ("machine", "tag", "sensor", "ts", "value", "samples")}
    label, answer, why = sender.ask(kind, b"1", encode(pa.RecordBatch.from_pydict(columns)))
    assert (label, answer) == (b"1", b"refused")
    assert why.startswith(b"100000000 rows cannot be in ")
