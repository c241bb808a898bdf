"""MQTT against a real broker: what is acknowledged is on disk, whatever dies when."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager

import pytest

from bench.mqtt_peer import Mosquitto, Sender, until
from streams.catalog import Machine, Tag
from streams.clock import SECOND, ManualClock
from streams.connectors import mqtt_values
from streams.connectors.contact import UNAVAILABLE
from streams.connectors.memory import Memory, Standing
from streams.connectors.mqtt import MqttConnector
from streams.connectors.mqtt_values import TimeRule
from streams.connectors.points import Point
from streams.connectors.tls import Tls
from streams.records import GOOD, SNAPSHOT, UNTIMED
from streams.testing import MemoryOutlet, running

NOW = 100 * SECOND
PRESS = Machine("press", (Tag("avail", numeric=False), Tag("execution", numeric=False), Tag("force")))
POINTS = (
    Point("line/press/force", "press", "force"),
    Point("line/press/state#mode.name", "press", "execution"),
)
FORCE = "line/press/force"


class HeldOutlet(MemoryOutlet):
    """An outlet whose disk is slow: nothing is safe until the test says so."""

    def __init__(self):
        super().__init__()
        self.safe = threading.Event()

    def readings(self, batch):
        super().readings(batch)
        return self

    def wait(self, timeout):
        return self.safe.wait(timeout)


def connector(broker, points=POINTS, topics=("line/+/readings",), wills=(), time=None):
    return MqttConnector(broker, topics, points, time or TimeRule(), dict(wills), [PRESS], ManualClock(NOW))


@contextmanager
def heard(broker, outlet=None, **how):
    """Run a connector that has reached its broker."""
    made, outlet = connector(broker, **how), outlet or MemoryOutlet()
    with running(lambda stop: made.run(outlet, stop)):
        until(lambda: made.connections == 1, "the connection")
        yield made, outlet


def line(value, ts=7):
    return json.dumps({"machine": "press", "tag": "force", "ts": ts, "value": value})


def forces(outlet):
    return [value for tag, _, value, _ in outlet.rows() if tag == "force"]


def reasons(outlet):
    return [reason for reason in outlet.reasons() if reason != "gap"]


@pytest.fixture
def mosquitto(tmp_path):
    broker = Mosquitto(tmp_path)
    yield broker
    broker.close()


@pytest.fixture
def sender(mosquitto):
    sender = Sender(mosquitto.port)
    yield sender
    sender.close()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_topics_bring_json_lines_and_values(mosquitto, sender, version):
    with heard(mosquitto.broker(version=version)) as (_, outlet):
        sender.send("line/press/readings", line(1) + "\n" + line(2))
        sender.send(FORCE, "41.5")
        sender.send("line/press/state", '{"mode": {"name": "ACTIVE"}}')
        sender.send("line/press/readings", "no line", qos=0)
        outlet.wait_for(lambda told: len(told.rows()) > 4 and reasons(told))
    assert {row for row in outlet.rows() if row[0] != "avail"} == {
        ("force", 7, 1.0, GOOD),
        ("force", 7, 2.0, GOOD),
        ("force", NOW, 41.5, UNTIMED),
        ("execution", NOW, "ACTIVE", UNTIMED),
    }
    assert reasons(outlet) == ["malformed_json"]


def test_what_the_broker_had_kept_is_a_state_found(mosquitto, sender):
    sender.send(FORCE, "3", retain=True)
    with heard(mosquitto.broker()) as (_, outlet):
        outlet.wait_for(forces)
        sender.send(FORCE, "4")
        outlet.wait_for(lambda told: len(forces(told)) > 1)
    assert [row for row in outlet.rows() if row[0] == "force"] == [
        ("force", NOW, 3.0, SNAPSHOT),
        ("force", NOW, 4.0, UNTIMED),
    ]


def test_a_payload_may_bring_its_time(mosquitto, sender):
    points, time = [Point(FORCE + "#v", "press", "force")], TimeRule("at", "ms")
    with heard(mosquitto.broker(), points=points, time=time) as (_, outlet):
        sender.send(FORCE, '{"v": 1, "at": 5000}')
        sender.send(FORCE, '{"v": 2, "at": "1970-01-01T00:00:06Z"}')
        sender.send(FORCE, '{"v": 3}')
        sender.send(FORCE, '{"v": 4, "at": []}')
        outlet.wait_for(lambda told: len(told.rows()) > 2 and reasons(told))
    assert outlet.rows() == [
        ("force", 5 * SECOND, 1.0, GOOD),
        ("force", 6 * SECOND, 2.0, GOOD),
        ("force", NOW, 3.0, UNTIMED),
    ]
    assert reasons(outlet) == ["bad_time"]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_what_is_not_on_disk_is_not_acknowledged(mosquitto, sender, version):
    """Everything comes again to the next process, which finds the session of the one that died."""
    broker = mosquitto.broker(version=version)
    with heard(broker, HeldOutlet()) as (_, outlet):
        for value in range(10):
            sender.send(FORCE, str(value))
        outlet.wait_for(lambda told: len(forces(told)) == 10)
    with heard(broker) as (_, outlet):
        outlet.wait_for(lambda told: len(forces(told)) == 10)
    assert forces(outlet) == list(range(10))
    until(lambda: mosquitto.goodbyes() == 2, "the second goodbye, and the acknowledgements before it")
    with heard(broker) as (_, outlet):
        sender.send(FORCE, "11")
        outlet.wait_for(lambda told: 11.0 in forces(told))
    assert forces(outlet) == [11.0]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_broker_killed_in_the_middle_loses_nothing_and_repeats_come_once(mosquitto, version):
    outlet = HeldOutlet()
    first = Sender(mosquitto.port)
    with heard(mosquitto.broker(version=version, window=64), outlet) as (made, _):
        for value in range(300):
            first.send(FORCE, str(value))
        until(lambda: len(forces(outlet)) >= 20, "the first of them")
        mosquitto.kill()
        first.close()
        until(lambda: "gone" in made.trouble or "does not answer" in made.trouble, "the loss")
        mosquitto.start()
        until(lambda: made.connections == 2, "the second connection")
        second = Sender(mosquitto.port)
        for value in range(300, 400):
            second.send(FORCE, str(value))
        until(lambda: made.repeated >= 20, "the repeats")
        outlet.safe.set()
        outlet.wait_for(lambda told: len(forces(told)) == 400)
        second.close()
    assert forces(outlet) == list(range(400))
    assert made.trouble == ""
    assert [why["why"] for why in gaps(outlet)] == ["nobody listened before"]


def gaps(outlet):
    return [
        json.loads(raw)
        for batch in outlet.refused
        for reason, raw in zip(batch.reason.to_list(), batch.raw.to_list(), strict=True)
        if reason == "gap"
    ]


def test_a_session_that_the_broker_lost_is_a_gap(mosquitto):
    with heard(mosquitto.broker()) as (made, outlet):
        mosquitto.stop()
        mosquitto.forget()
        mosquitto.start()
        until(lambda: made.connections == 2, "the second connection")
        outlet.wait_for(lambda told: len(gaps(told)) == 2)
    assert "gone" in gaps(outlet)[1]["why"]
    avail = [value for tag, _, value, _ in outlet.rows() if tag == "avail"]
    assert avail == ["AVAILABLE", "UNAVAILABLE", "AVAILABLE", "UNAVAILABLE"]


def test_what_came_without_a_promise_is_a_gap_though_the_session_is_kept(mosquitto, sender):
    with heard(mosquitto.broker()) as (made, outlet):
        sender.send(FORCE, "1", qos=0)
        outlet.wait_for(forces)
        mosquitto.stop()
        mosquitto.start()
        until(lambda: made.connections == 2, "the second connection")
        outlet.wait_for(lambda told: len(gaps(told)) == 2)


def test_a_failure_that_nobody_foresaw_takes_the_machine_away(mosquitto, sender, monkeypatch):
    made, outlet = connector(mosquitto.broker()), MemoryOutlet()
    monkeypatch.setattr(made._topics, "take", lambda messages, outlet: messages[9])
    sender.send(FORCE, "1", retain=True)
    with pytest.raises(IndexError):
        made.run(outlet, threading.Event())
    assert [value for _, value in avail(outlet)] == ["AVAILABLE", "UNAVAILABLE"]


def noted(outlet):
    """Return what the next gateway remembers of one."""
    outlet.memory.note(NOW)
    kept = json.loads(json.dumps(outlet.memory.saved()))
    after = MemoryOutlet()
    after.memory = Memory({name: Standing.read(one) for name, one in kept.items()})
    return after


@pytest.mark.parametrize("points", [POINTS, ()])
@pytest.mark.parametrize("qos", [0, 1])
def test_what_came_without_a_promise_is_a_gap_for_the_next_gateway_too(mosquitto, sender, points, qos):
    with heard(mosquitto.broker(), points=points) as (_, outlet):
        sender.send("line/1/readings", line(1), qos=qos)
        outlet.wait_for(forces)
    before = len(gaps(outlet))
    with heard(mosquitto.broker(), noted(outlet), points=points) as (_, outlet):
        sender.send("line/1/readings", line(2), qos=1)
        outlet.wait_for(forces)
    assert (before, [raw["why"] for raw in gaps(outlet)]) == (1, ["the gateway stopped"] * (1 - qos))


def test_a_machine_that_is_kept_has_no_gap_because_of_one_that_is_not(mosquitto, sender):
    rig = {"machine": "rig", "tag": "load", "ts": 7, "value": 1}
    with heard(mosquitto.broker(), points=()) as (_, outlet):
        sender.send("line/1/readings", line(1))
        sender.send("line/1/readings", json.dumps(rig), qos=0)
        outlet.wait_for(lambda told: len(told.rows()) == 2)
    with heard(mosquitto.broker(), noted(outlet), points=()) as (_, outlet):
        sender.send("line/1/readings", line(2))
        outlet.wait_for(forces)
    assert gaps(outlet) == []


def test_a_broker_that_promises_nothing_is_a_gap_though_it_keeps_the_session(tmp_path):
    broker = Mosquitto(tmp_path, ["max_qos 0", "allow_anonymous true"])
    with heard(broker.broker()):
        pass
    with heard(broker.broker(), killed()) as (_, outlet):
        pass
    broker.close()
    assert [raw["why"] for raw in gaps(outlet)] == ["the gateway was killed"]


def killed():
    """Return an outlet that remembers a gateway which heard the press tell its execution by a topic."""
    outlet = MemoryOutlet()
    outlet.memory = Memory({"press": Standing(NOW - 9, NOW - 5, told=(("press", "execution"),))})
    return outlet


def avail(outlet):
    return [(ts, value) for tag, ts, value, _ in outlet.rows() if tag == "avail"]


def test_a_machine_of_a_topic_is_away_from_the_kill_of_the_gateway_until_its_next_word(mosquitto, sender):
    with heard(mosquitto.broker(), killed(), points=()) as (_, outlet):
        assert avail(outlet) == [(NOW - 5, UNAVAILABLE)]
        sender.send("line/1/readings", line(1.5))
        outlet.wait_for(forces)
        assert avail(outlet)[1:] == [(NOW, "AVAILABLE")]
    assert [raw["why"] for raw in gaps(outlet)] == ["the gateway was killed"]


def test_what_the_broker_kept_while_the_gateway_was_dead_is_no_gap(mosquitto):
    with heard(mosquitto.broker(), points=()):
        pass
    with heard(mosquitto.broker(), killed(), points=()) as (_, outlet):
        assert avail(outlet) == [(NOW - 5, UNAVAILABLE), (NOW, "AVAILABLE")]
    assert gaps(outlet) == []


def test_who_tells_but_numbers_by_a_topic_vouches_for_no_state(mosquitto, sender):
    with heard(mosquitto.broker(), points=()) as (_, outlet):
        sender.send("line/1/readings", line(1.5))
        outlet.wait_for(forces)
    assert avail(outlet) == []


def test_a_last_will_takes_its_machine_away_until_it_is_back(mosquitto):
    wills = {"line/press/is": ("press", "offline")}
    with heard(mosquitto.broker(), wills=wills) as (_, outlet):
        device = Sender(mosquitto.port, will=("line/press/is", "offline", True))
        device.send("line/press/is", "online")
        device.vanish()
        outlet.wait_for(lambda told: ("avail", NOW, "UNAVAILABLE", GOOD) in told.rows())
        again = Sender(mosquitto.port)
        again.send("line/press/is", "online")
        outlet.wait_for(lambda told: len(gaps(told)) == 2)
        again.close()
    assert gaps(outlet)[1]["why"] == "its last will came: offline"


def test_a_payload_that_is_too_long_is_refused_and_the_next_is_read(mosquitto, sender):
    with heard(mosquitto.broker()) as (_, outlet):
        sender.send("line/press/readings", b"x" * (mqtt_values.LARGEST + 1))
        sender.send(FORCE, "5")
        outlet.wait_for(forces)
    assert reasons(outlet) == ["too_long"]
    assert len(outlet.refused[-1].raw.to_list()[0]) == 4096


def test_topics_of_an_older_plant_file_are_refused_with_a_reason(mosquitto, sender):
    with heard(mosquitto.broker(), topics=["old/#"]):
        pass
    with heard(mosquitto.broker(), topics=[]) as (_, outlet):
        sender.send("old/topic", "1")
        outlet.wait_for(lambda told: "unasked_topic" in told.reasons())


def test_a_flood_holds_the_broker_back_and_all_of_it_arrives(mosquitto, sender):
    """No more than the window is on its way while the disk is slow."""
    outlet = HeldOutlet()
    with heard(mosquitto.broker(window=20), outlet):
        handed = [sender.begin(FORCE, str(value)) for value in range(2000)]
        for one in handed:
            one.wait_for_publish(20)
        assert len(forces(outlet)) <= 20
        outlet.safe.set()
        outlet.wait_for(lambda told: len(forces(told)) == 2000, 60)
    assert forces(outlet) == list(range(2000))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Return a folder with an authority, a broker and a client that it vouches for, and a stranger."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "stranger"):
        openssl(
            "req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"
        )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("broker", "client"):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
    return folder


@pytest.fixture
def fortress(tmp_path, certificates):
    """A broker that wants TLS and a certificate of ours."""
    files = certificates
    broker = Mosquitto(
        tmp_path,
        [
            f"cafile {files / 'ca.crt'}",
            f"certfile {files / 'broker.crt'}",
            f"keyfile {files / 'broker.key'}",
            "require_certificate true",
            "use_identity_as_username true",
        ],
    )
    yield broker
    broker.close()


def trouble(broker):
    """Return why a broker cannot be used."""
    made = connector(broker)
    before = made.trouble
    with running(lambda stop: made.run(MemoryOutlet(), stop)):
        until(lambda: made.trouble != before, "the trouble")
        assert made.connections == 0
        return made.trouble


def test_both_sides_prove_who_they_are(fortress, certificates):
    ours = Tls(*(str(certificates / name) for name in ("ca.crt", "client.crt", "client.key")))
    with heard(fortress.broker(tls=ours), MemoryOutlet()) as (made, _):
        assert made.trouble == ""


def test_a_broker_of_another_authority_is_refused(fortress, certificates):
    strange = Tls(*(str(certificates / name) for name in ("stranger.crt", "client.crt", "client.key")))
    assert "is not who it should be" in trouble(fortress.broker(tls=strange))


def test_without_a_certificate_of_ours_the_broker_refuses(fortress, certificates):
    nobody = Tls(str(certificates / "ca.crt"))
    assert trouble(fortress.broker(tls=nobody))


def test_a_key_that_is_none_is_one_sentence(fortress, certificates):
    wrong = Tls(*(str(certificates / name) for name in ("ca.crt", "client.crt", "stranger.key")))
    assert "cannot be used" in trouble(fortress.broker(tls=wrong))


def test_a_wrong_password_is_refused_and_the_right_one_is_read_anew(tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "line", "hunter2"], check=True)
    broker = Mosquitto(tmp_path, ["allow_anonymous false", f"password_file {passwords}"])
    told = ["wrong"]
    try:
        made = connector(broker.broker(user="line", password=lambda: told[0]))
        with running(lambda stop: made.run(MemoryOutlet(), stop)):
            until(lambda: "refuses us: Not authorized" in made.trouble, "the refusal")
            told[0] = "hunter2"
            until(lambda: made.connections, "the connection")
    finally:
        broker.close()
