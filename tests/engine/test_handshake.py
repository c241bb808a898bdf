"""A station and a software PLC over each protocol: whole cycles, and what goes wrong on a line."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.approvals.testing import vouch
from engine.handshake.abc import Signals
from engine.handshake.bin import BEGAN
from engine.handshake.memory import MemoryPlc
from engine.parts import PartRows
from engine.paths import Home
from engine.plant import Plant
from engine.release import Event, files
from engine.release.files import Order
from engine.release.gate import Gate
from engine.station import Station
from engine.station_report import report
from engine.testing import MemoryProducer, Shutter
from streams.connectors.polling import Lost
from streams.log.abc import Entry, Kind
from streams.peers.modbus import ModbusPeer
from streams.peers.opcua import OpcUaPeer
from streams.peers.plc import BytesWires, NodeWires, RegisterWires, SoftPlc
from streams.peers.s7 import S7Peer
from streams.records import Text
from vision import datamatrix
from vision.cameras import CameraError
from vision.detect import Detector
from vision.pipeline import Pipeline
from vision.testing import picture, write_model

WAIT = 60.0
OK, REVIEW, NG = 20, 100, 200
TEXTS = ("part_id", "part_number", "serial", "order", "fixture", "operator")
FLAGS = ("trigger", "acknowledge", "bin", "release")
BITS = ("ready", "busy", "ok", "ng", "review", "stop")


def modbus_spots() -> tuple[dict[str, Any], dict[str, Any]]:
    asks: dict[str, Any] = {name: {"address": f"holding:0.{bit}"} for bit, name in enumerate(FLAGS)}
    asks["heartbeat"] = {"address": "holding:1"}
    for index, name in enumerate(TEXTS):
        asks[name] = {"address": f"holding:{10 + 8 * index}", "type": "string", "length": 8}
    answers: dict[str, Any] = {name: {"address": f"holding:100.{bit}"} for bit, name in enumerate(BITS)}
    answers |= {"alive": {"address": "holding:101"}, "code": {"address": "holding:102"}}
    return asks, answers | {"answer_id": {"address": "holding:103", "type": "string", "length": 8}}


def s7_spots() -> tuple[dict[str, Any], dict[str, Any]]:
    asks: dict[str, Any] = {name: {"address": f"DB1.DBX0.{bit}"} for bit, name in enumerate(FLAGS)}
    asks["heartbeat"] = {"address": "DB1.DBW2"}
    for index, name in enumerate(TEXTS):
        asks[name] = {"address": f"DB1.DBB{4 + 18 * index}", "type": "string", "length": 16}
    answers: dict[str, Any] = {name: {"address": f"DB2.DBX0.{bit}"} for bit, name in enumerate(BITS)}
    answers |= {"alive": {"address": "DB2.DBW2"}, "code": {"address": "DB2.DBW4"}}
    return asks, answers | {"answer_id": {"address": "DB2.DBB6", "type": "string", "length": 16}}


def opcua_spots() -> tuple[dict[str, Any], dict[str, Any]]:
    def nodes(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: {"address": f"nsu=urn:seamline:press;s={name}"} for name in names}

    return nodes((*FLAGS, "heartbeat", *TEXTS)), nodes((*BITS, "alive", "code", "answer_id"))


@dataclass
class Rig:
    """A PLC, a camera and a station of the tiny model."""

    plc: SoftPlc
    peer: ModbusPeer | S7Peer | OpcUaPeer
    shutter: Shutter
    producer: MemoryProducer
    home: Home
    section: dict[str, Any]
    station: Station | None = None

    @contextmanager
    def running(self, **settings: Any) -> Iterator[Station]:
        """Run a station as long as the block lasts; at its end every frame has an end."""
        handshake = self.section | settings.pop("handshake", {})
        simulated = [{"kind": "simulated", "name": "cam"}]
        cameras = settings.pop("cameras", simulated)
        recipes = settings.pop("plant_recipes", [])
        named = {"recipes": [recipe["name"] for recipe in recipes]}
        said = {"name": "weld-1", "model": "tiny", "cameras": cameras, "handshake": handshake}
        said |= named | settings
        plant = Plant.model_validate({"name": "test", "recipes": recipes, "stations": [said]})
        station = Station(plant.stations[0], plant, self.home, self.producer, self.shutter.open)
        stop, line = threading.Event(), threading.Thread(target=lambda: station.run(stop))
        self.station = station
        line.start()
        try:
            yield station
        finally:
            stop.set()
            line.join(WAIT)
            assert not line.is_alive()
        assert station.ledger.total().open == 0

    def verdict(self, number: int) -> Any:
        self.producer.wait(lambda: len(self.producer.verdicts) >= number)
        return self.producer.verdicts[number - 1]

    def part(self, red: int, **told: str) -> Any:
        """Show one part: the trigger, then its picture."""
        self.plc.wait(lambda: self.plc.on("ready"))
        self.plc.trigger(**told)
        self.shutter.shoot(red)
        said = self.plc.answer()
        self.plc.finish()
        return said

    def counters(self) -> dict[str, float]:
        assert self.station is not None
        return dict(self.station.stats().line[0].counters)

    def trouble(self) -> str:
        assert self.station is not None
        return self.station.stats().line[0].trouble


def build(kind: str, stack: ExitStack, home: Home) -> Rig:
    common: dict[str, Any] = {
        "kind": kind,
        "cycle_s": 10.0,
        "acknowledge_s": 10.0,
        "timeout_s": 5.0,
        "lead_s": 2.0,
        "silence_s": 600.0,
    }
    if kind == "modbus":
        asks, answers = modbus_spots()
        registers = stack.enter_context(ModbusPeer(120))
        section = common | {"host": "127.0.0.1", "port": registers.port, "asks": asks, "answers": answers}
        plant = Plant.model_validate(
            {"name": "x", "stations": [{"name": "s", "cameras": [], "handshake": section}]}
        )
        wired: Any = plant.stations[0].handshake
        places = {**wired.places(wired.asks), **wired.places(wired.answers)}
        return Rig(
            SoftPlc(RegisterWires(registers, places)), registers, Shutter(), MemoryProducer(), home, section
        )
    if kind == "s7":
        asks, answers = s7_spots()
        memory = {1: bytearray(128), 2: bytearray(32)}
        controller = stack.enter_context(S7Peer(memory))
        section = common | {"host": "127.0.0.1", "port": controller.port, "asks": asks, "answers": answers}
        plant = Plant.model_validate(
            {"name": "x", "stations": [{"name": "s", "cameras": [], "handshake": section}]}
        )
        wired = plant.stations[0].handshake
        wires = BytesWires(memory, {**wired.places(wired.asks), **wired.places(wired.answers)})
        return Rig(SoftPlc(wires), controller, Shutter(), MemoryProducer(), home, section)
    asks, answers = opcua_spots()
    server = stack.enter_context(OpcUaPeer())
    begin: dict[str, bool | int | str] = dict.fromkeys((*FLAGS, *BITS), False)
    begin |= dict.fromkeys(("heartbeat", "alive", "code"), 0) | dict.fromkeys((*TEXTS, "answer_id"), "")
    plc = SoftPlc(NodeWires(server, begin))
    server.writable([*BITS, "alive", "code", "answer_id"])
    section = common | {"endpoint": server.endpoint, "asks": asks, "answers": answers}
    return Rig(plc, server, Shutter(), MemoryProducer(), home, section)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def rigs(tmp_path: Path, model: Any) -> Iterator[Callable[[str], Rig]]:
    home = Home(tmp_path / "home").create()
    (home.models / "tiny").symlink_to(model.folder)
    vouch(home, model)
    with ExitStack() as stack:
        yield lambda kind: build(kind, stack, home)


@pytest.fixture
def rig(rigs: Callable[[str], Rig]) -> Rig:
    return rigs("s7")


KINDS = pytest.mark.parametrize("kind", ["modbus", "s7", "opcua"])


@contextmanager
def beating(plc: SoftPlc) -> Iterator[threading.Event]:
    """Let the PLC's program run: its heartbeat changes until it is told to stand."""
    stand = threading.Event()

    def run() -> None:
        count = 0
        while not stand.wait(0.05):
            count = (count + 1) % 1000
            plc.wires.set("heartbeat", float(count))

    thread = threading.Thread(target=run)
    thread.start()
    yield stand
    stand.set()
    thread.join(WAIT)


@KINDS
def test_parts_are_triggered_judged_answered_and_acknowledged(kind: str, rigs: Callable[[str], Rig]) -> None:
    rig = rigs(kind)
    told = {"serial": "A-1", "order": "O-77", "fixture": "F3", "operator": "Li Na"}
    with beating(rig.plc), rig.running(identity={"serial": "plc", "once": True}):
        first = rig.part(OK, part_id="17", **told)
        assert (first.word, first.code, first.answer_id) == ("ok", 0, "17")
        assert rig.part(NG, part_id="18", serial="A-2").word == "ng"
        assert rig.part(REVIEW, part_id="19", serial="A-3").word == "review"
        rig.plc.wait(lambda: rig.plc.on("ready") and rig.plc.wires.get("alive") != 0.0)
        assert rig.trouble() == ""
        counted = rig.counters()
    assert not rig.plc.on("ready"), "a station that ended takes no part"
    assert [counted[f"answers_{word}"] for word in ("ok", "ng", "review")] == [1, 1, 1]
    assert (counted["cycles"], counted["acknowledged"]) == (3, 3)
    good, bad, odd = rig.producer.verdicts
    assert [verdict.outcome for verdict in (good, bad, odd)] == ["OK", "NG", "REVIEW"]
    assert (good.serial, good.attempt, good.answer) == ("A-1", 1, "OK")
    assert (good.identity.order, good.identity.fixture, good.identity.operator) == ("O-77", "F3", "Li Na")
    assert good.identity.serial_source == "plc"


def test_an_answer_does_not_wait_for_the_log(rig: Rig) -> None:
    with rig.running():
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.producer.gate = threading.Event()
        said = rig.part(OK)
        logged = rig.producer.verdicts
        rig.producer.gate.set()
        assert (said.word, logged) == ("ok", [])
        assert rig.verdict(1).outcome == "OK"


@KINDS
def test_a_plc_that_is_cut_off_and_comes_back_finds_ng(
    kind: str, rigs: Callable[[str], Rig], monkeypatch: Any
) -> None:
    rig, looking = rigs(kind), threading.Event()
    detect, go_on = Detector.detect_fitted, threading.Event()

    def wait_and_detect(detector: Any, fitted: Any, floor: float) -> Any:
        looking.set()
        assert go_on.wait(WAIT)
        return detect(detector, fitted, floor)

    monkeypatch.setattr(Detector, "detect_fitted", wait_and_detect)
    with rig.running(handshake={"timeout_s": 2.0}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.shutter.shoot(OK)
        assert looking.wait(WAIT)
        rig.peer.stop()
        rig.plc.wait(lambda: rig.trouble() != "")
        assert "does not answer" in rig.trouble()
        go_on.set()
        said = rig.verdict(1)
        rig.peer.start()
        if kind == "opcua":
            rig.peer.writable([*BITS, "alive", "code", "answer_id"])  # type: ignore[union-attr]
        assert (rig.plc.answer().word, rig.plc.counted[-1].code) == ("ng", 4)
        rig.plc.finish()
        assert rig.part(OK).word == "ok"
    assert (said.outcome, said.answer) == ("REVIEW", "NG")
    assert said.reason == "The PLC was away while the part was judged."


@KINDS
def test_a_station_ends_though_its_plc_is_away(kind: str, rigs: Callable[[str], Rig]) -> None:
    rig = rigs(kind)
    with rig.running(handshake={"timeout_s": 2.0}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.peer.stop()
        rig.plc.wait(lambda: rig.trouble() != "")
        begun = time.monotonic()
    assert time.monotonic() - begun < 10


def test_a_verdict_that_is_too_late_is_ng_on_the_line_and_review_in_the_log(
    rig: Rig, monkeypatch: Any
) -> None:
    detect, answered = Detector.detect_fitted, threading.Event()

    def detect_late(detector: Any, fitted: Any, floor: float) -> Any:
        assert answered.wait(WAIT)
        return detect(detector, fitted, floor)

    monkeypatch.setattr(Detector, "detect_fitted", detect_late)
    with rig.running(handshake={"cycle_s": 2.0, "poll_s": 0.05}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.shutter.shoot(OK)
        said = rig.plc.answer()
        answered.set()
        verdict = rig.verdict(1)
        rig.plc.finish()
    assert (said.word, said.code) == ("ng", 1)
    assert 1.0 <= said.seconds <= 2.0, "the PLC has it within its time, and the model had half of it"
    assert (verdict.outcome, verdict.answer) == ("REVIEW", "NG")
    assert verdict.reason == "No verdict within 2 s: the line was told NG."
    assert len(verdict.views) == 1


def test_a_part_without_a_picture_has_a_verdict_too(rig: Rig) -> None:
    with rig.running(handshake={"cycle_s": 2.0}, identity={"serial": "plc", "once": True}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger(serial="A-1")
        assert (rig.plc.answer().word, rig.plc.counted[0].code) == ("ng", 1)
        verdict = rig.verdict(1)
        rig.plc.finish()
        assert rig.part(OK, serial="A-1").word == "ok", "it was never inspected, so it needs no rework order"
    assert (verdict.outcome, verdict.serial, verdict.attempt, verdict.views) == ("REVIEW", "A-1", 0, ())
    assert verdict.reason.endswith("No picture of the part came.")


def test_a_part_that_lacks_a_view_when_its_time_is_up_is_review(rig: Rig) -> None:
    settings: dict[str, Any] = {"views": ["front", "top"], "handshake": {"cycle_s": 2.0}}
    with rig.running(**settings):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.shutter.shoot(OK)
        assert rig.plc.answer().word == "ng"
        verdict = rig.verdict(1)
        rig.shutter.shoot(OK)
        rig.producer.wait(lambda: rig.producer.losses)
        rig.plc.finish()
    assert (verdict.outcome, len(verdict.views)) == ("REVIEW", 1)
    assert [loss.reason for loss in rig.producer.losses] == ["view_twice"]


def test_a_trigger_that_comes_twice_makes_one_part_that_is_review(rig: Rig) -> None:
    with rig.running():
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.plc.wait(lambda: rig.plc.on("busy"))
        rig.plc.wires.set("trigger", 0.0)
        rig.plc.wait(lambda: rig.counters()["trigger"] == 0)
        rig.plc.wires.set("trigger", 1.0)
        said = rig.plc.answer()
        rig.shutter.shoot(OK)
        rig.plc.finish()
        verdict = rig.verdict(1)
    assert (said.word, said.code) == ("ng", 3)
    assert (verdict.outcome, verdict.reason) == (
        "REVIEW",
        "The line triggered again while the part was judged.",
    )
    assert len(rig.producer.verdicts) == 1


def test_pictures_of_two_parts_are_never_ok(rig: Rig) -> None:
    with rig.running(identity={"serial": "plc"}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger(serial="A-1")
        rig.plc.wait(lambda: rig.plc.on("busy"))
        rig.shutter.shoot(OK, serial="B-9")
        said = rig.plc.answer()
        rig.shutter.shoot(OK, serial="A-1")
        verdict = rig.verdict(1)
        rig.plc.finish()
    assert (said.word, said.code) == ("ng", 5)
    assert (verdict.outcome, verdict.serial, len(verdict.views)) == ("REVIEW", "A-1", 1)
    assert verdict.reason == "The pictures are not of one part: B-9 came while it was A-1."
    assert [(loss.outcome, loss.reason) for loss in rig.producer.losses] == [
        ("unmatched", "picture_of_another_part")
    ]


def test_a_picture_without_a_trigger_is_unmatched(rig: Rig) -> None:
    with rig.running(handshake={"lead_s": 0}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.shutter.shoot(OK)
        rig.producer.wait(lambda: rig.producer.losses)
    assert [(loss.outcome, loss.reason) for loss in rig.producer.losses] == [
        ("unmatched", "no_part_triggered")
    ]


def test_a_good_picture_held_up_since_the_part_before_passes_no_bad_part(rig: Rig) -> None:
    with rig.running(handshake={"lead_s": 1.0}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.shutter.shoot(OK, waited=0.0)
        assert rig.plc.answer().word == "ok"
        rig.plc.finish()
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.plc.wait(lambda: rig.plc.on("busy"))
        rig.shutter.shoot(OK, waited=60.0)
        rig.producer.wait(lambda: rig.producer.losses)
        rig.shutter.shoot(NG, waited=0.0)
        assert rig.plc.answer().word == "ng"
        verdict = rig.verdict(2)
        rig.plc.finish()
    assert (verdict.outcome, [view.sequence for view in verdict.views]) == ("NG", [3])
    assert [(loss.outcome, loss.reason) for loss in rig.producer.losses] == [
        ("unmatched", "taken_before_trigger")
    ]


def test_a_picture_that_comes_just_before_its_trigger_is_seen_belongs_to_it(rig: Rig) -> None:
    with rig.running() as station:
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.shutter.shoot(OK)
        rig.plc.wait(lambda: station.ledger.total().captured == 1)
        assert rig.plc.part().word == "ok"
    assert rig.producer.losses == []


def test_a_serial_that_was_inspected_is_refused_until_a_rework_order_is_open(rig: Rig) -> None:
    from engine.identity.book import Book

    with rig.running(identity={"serial": "plc"}):
        assert rig.part(NG, serial="A-1").word == "ng"
        again = rig.part(OK, serial="A-1")
        Book(rig.home.stations, "weld-1").open_order("A-1", "Chen", "reworked the seam")
        assert rig.part(OK, serial="A-1").word == "ok"
        assert rig.part(OK, serial="A-1").code == 6
    assert (again.word, again.code) == ("ng", 6)
    verdicts = rig.producer.verdicts
    assert [verdict.attempt for verdict in verdicts] == [1, 0, 2, 0]
    assert [verdict.outcome for verdict in verdicts] == ["NG", "REVIEW", "OK", "REVIEW"]
    assert verdicts[1].reason == "Serial A-1 was inspected already; open a rework order for it."


def test_a_part_without_a_serial_and_one_of_an_unknown_part_number_are_review(rig: Rig) -> None:
    with rig.running(identity={"serial": "plc"}):
        assert rig.part(OK, serial="").code == 7
        odd = rig.part(OK, serial="A-1", part_number="9000")
    assert (odd.word, odd.code) == ("ng", 8)
    nameless, strange = rig.producer.verdicts
    assert (nameless.outcome, nameless.reason) == (
        "REVIEW",
        "The part has no serial: the PLC told none.",
    )
    assert (strange.outcome, strange.part_number) == ("REVIEW", "9000")


def test_a_part_that_nobody_looked_at_needs_no_rework_order(rig: Rig, model: Any) -> None:
    recipes = {"plant_recipes": [SMALL, LARGE | {"views": []}], "part_number": "demo-1"}
    vouch(rig.home, model, "demo-1")
    with rig.running(**recipes, identity={"serial": "plc"}):
        assert rig.part(OK, serial="A-1", part_number="9000").code == 8
        assert rig.part(OK, serial="A-1", part_number="demo-2").word == "review", "nobody signed its model"
        assert rig.part(OK, serial="A-1", part_number="demo-1").word == "ok"
        assert rig.part(OK, serial="A-1", part_number="demo-1").code == 6
    assert [verdict.attempt for verdict in rig.producer.verdicts] == [0, 0, 1, 0]


SMALL = {"name": "small", "version": "1", "part_number": "demo-1", "model": "tiny", "views": []}
LARGE = {"name": "large", "version": "3", "part_number": "demo-2", "model": "tiny", "views": ["front", "top"]}
MASTERS = [{"serial": "GOOD-*", "expect": "OK"}, {"serial": "BAD-*", "expect": "NG"}]


def test_the_plc_says_which_recipe_a_part_is_judged_by(rig: Rig, model: Any) -> None:
    for number in ("demo-1", "demo-2"):
        vouch(rig.home, model, number)
    recipes = {"plant_recipes": [SMALL, LARGE], "part_number": "demo-1"}
    with rig.running(**recipes, handshake={"cycle_s": 4.0}):
        small = rig.part(OK, part_number="demo-1")
        large = rig.part(OK, part_number="demo-2")
        untold = rig.part(OK, part_number="")
    assert (small.word, large.word, untold.word, untold.code) == ("ok", "ng", "ng", 8)
    first, second, third = rig.producer.verdicts
    assert third.reason == "The PLC told no part number, and the station has several recipes."
    assert (third.outcome, third.part_number, third.recipe) == ("REVIEW", "", "")
    assert (first.recipe, first.outcome) == ("small 1", "OK")
    assert (second.recipe, second.outcome, second.part_number) == ("large 3", "REVIEW", "demo-2")


def test_a_part_that_was_exposed_for_another_part_number_is_review(
    rig: Rig, model: Any, monkeypatch: Any
) -> None:
    opened: list[float] = []
    shutter_open = rig.shutter.open

    def note_and_open(section: Any, *rest: Any) -> Any:
        opened.append(section.settings["ExposureTime"])
        return shutter_open(section, *rest)

    monkeypatch.setattr(rig.shutter, "open", note_and_open)
    recipes = [
        SMALL | {"name": number, "part_number": number, "exposure": {"cam": {"ExposureTime": time}}}
        for number, time in (("demo-1", 4000.0), ("demo-2", 9000.0))
    ]
    for number in ("demo-1", "demo-2"):
        vouch(rig.home, model, number)
    camera = {"kind": "genicam", "name": "cam", "producer": "x.cti"}
    with rig.running(cameras=[camera], plant_recipes=recipes, part_number="demo-1"):
        first = rig.part(OK, part_number="demo-1")
        early = rig.part(OK + 1, part_number="demo-2")
        rig.plc.wait(lambda: len(opened) == 2)
        late = rig.part(OK + 2, part_number="demo-2")
    assert [said.word for said in (first, early, late)] == ["ok", "review", "ok"]
    assert opened == [4000.0, 9000.0]
    held = rig.producer.verdicts[1]
    assert (held.reason, held.decision.rule) == ("The cameras still stand as for demo-1.", "release")
    assert len(held.views[0].findings) > 0


def test_master_parts_come_again_and_again_and_release_the_line(rig: Rig, model: Any) -> None:
    vouch(rig.home, model, "demo-1")
    recipes = {"plant_recipes": [SMALL | {"masters": MASTERS}], "part_number": "demo-1"}
    with rig.running(**recipes, identity={"serial": "plc", "once": True}):
        held = rig.part(OK, serial="P-1")
        shown = [rig.part(red, serial=serial).word for red, serial in ((OK, "GOOD-1"), (NG, "BAD-1")) * 2]
        released = rig.part(OK, serial="P-2")
    assert (held.word, shown, released.word) == ("review", ["ok", "ng", "ok", "ng"], "ok")
    first, *masters, last = rig.producer.verdicts
    assert "Station not released" in first.reason
    assert [verdict.purpose for verdict in masters] == ["master"] * 4
    assert (last.outcome, last.attempt, last.purpose) == ("OK", 1, "")


def test_a_master_part_that_is_answered_too_late_releases_nothing_and_may_still_fail(
    rig: Rig, model: Any, monkeypatch: Any
) -> None:
    detect, answered = Detector.detect_fitted, threading.Event()

    def detect_late(detector: Any, fitted: Any, floor: float) -> Any:
        assert answered.wait(WAIT)
        return detect(detector, fitted, floor)

    def late(serial: str) -> tuple[str, int]:
        answered.clear()
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger(serial=serial)
        rig.shutter.shoot(OK)
        said = rig.plc.answer()
        answered.set()
        rig.plc.finish()
        return said.word, said.code

    monkeypatch.setattr(Detector, "detect_fitted", detect_late)
    vouch(rig.home, model, "demo-1")
    recipes = {"plant_recipes": [SMALL | {"masters": MASTERS}], "part_number": "demo-1"}
    with rig.running(**recipes, identity={"serial": "plc"}, handshake={"cycle_s": 4.0}):
        assert late("GOOD-1") == ("ng", 1)
        shown = (NG, "BAD-1"), (OK, "P-1"), (OK, "GOOD-1"), (OK, "P-2")
        assert [rig.part(red, serial=serial).word for red, serial in shown] == ["ng", "review", "ok", "ok"]
        assert late("BAD-1") == ("ng", 1), "whose picture shows a good part"
        assert rig.part(OK, serial="P-3").word == "review"
    master = rig.producer.verdicts[0]
    assert (master.outcome, master.purpose, master.answer) == ("REVIEW", "master", "NG")


def test_a_part_behind_the_last_master_part_is_judged_by_what_that_proved(
    rig: Rig, model: Any, monkeypatch: Any
) -> None:
    prove, say, overtaken = Gate.prove, Gate.say, threading.Event()

    def prove_late(gate: Gate, part: Any, *rest: Any) -> None:
        assert part.serial != "BAD-1" or not overtaken.wait(1.0)
        prove(gate, part, *rest)

    def say_aloud(gate: Gate, part: Any, *rest: Any) -> Any:
        said = say(gate, part, *rest)
        if part.serial == "P-1":
            overtaken.set()
        return said

    monkeypatch.setattr(Gate, "prove", prove_late)
    monkeypatch.setattr(Gate, "say", say_aloud)
    vouch(rig.home, model, "demo-1")
    recipes = {"plant_recipes": [SMALL | {"masters": MASTERS}], "part_number": "demo-1"}
    with rig.running(**recipes, identity={"serial": "plc"}):
        shown = (OK, "GOOD-1"), (NG, "BAD-1"), (OK, "P-1")
        words = [rig.part(red, serial=serial).word for red, serial in shown]
    assert words == ["ok", "ng", "ok"]
    assert [verdict.serial for verdict in rig.producer.verdicts] == ["GOOD-1", "BAD-1", "P-1"]


@pytest.mark.parametrize("error", [Lost("no answer within 1 s"), RuntimeError("a bug of a library")])
def test_an_answer_that_is_lost_on_the_wire_is_review(rig: Rig, monkeypatch: Any, error: Exception) -> None:
    write, left = MemoryPlc.write, [error]

    def fail_once(plc: MemoryPlc, signals: Signals) -> None:
        if signals.answer and left:
            raise left.pop()
        write(plc, signals)

    monkeypatch.setattr(MemoryPlc, "write", fail_once)
    with rig.running():
        said = rig.part(OK)
        assert rig.part(OK).word == "ok"
        assert rig.counters()["connections_lost"] == 1
    assert (said.word, said.code) == ("ng", 4)
    first = rig.producer.verdicts[0]
    assert (first.outcome, first.answer) == ("REVIEW", "NG")


def test_a_part_that_cannot_be_inspected_is_ng_at_once(rig: Rig, monkeypatch: Any) -> None:
    def fail(detector: Any, fitted: Any, floor: float) -> Any:
        raise RuntimeError("the request failed")

    monkeypatch.setattr(Detector, "detect_fitted", fail)
    with rig.running():
        said = rig.part(OK)
    assert (said.word, said.code) == ("ng", 9)
    assert [loss.reason for loss in rig.producer.losses] == ["inspection_failed: RuntimeError"]


def test_an_answer_that_nobody_acknowledges_is_told_and_withdrawn(rig: Rig) -> None:
    with rig.running(handshake={"acknowledge_s": 1.0}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.shutter.shoot(OK)
        assert rig.plc.answer().word == "ok"
        rig.plc.wait(lambda: rig.trouble() != "")
        assert "did not acknowledge the answer to part 1 in time" in rig.trouble()
        assert rig.plc.on("ok"), "it is held while the PLC holds its trigger"
        rig.plc.wires.set("trigger", 0.0)
        rig.plc.wait(lambda: not rig.plc.on("ok"))
        assert rig.part(OK).word == "ok"
        assert rig.trouble() == ""
        assert rig.counters()["withdrawn"] == 1


def test_an_acknowledge_that_comes_late_and_then_twice_takes_one_answer(rig: Rig) -> None:
    with rig.running(handshake={"acknowledge_s": 1.0}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.shutter.shoot(OK)
        assert rig.plc.answer().word == "ok"
        rig.plc.wait(lambda: rig.trouble() != "")
        rig.plc.finish()
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.pulse("acknowledge", lambda: rig.counters().get("acknowledged_again", 0) == 1)
        assert rig.part(NG).word == "ng"
        assert (rig.trouble(), rig.counters()["acknowledged"]) == ("", 2)
    assert [verdict.outcome for verdict in rig.producer.verdicts] == ["OK", "NG"]


def test_a_plc_whose_heartbeat_stops_gets_no_part_through(rig: Rig) -> None:
    with beating(rig.plc) as stand, rig.running(handshake={"silence_s": 2.0}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        stand.set()
        rig.plc.wait(lambda: not rig.plc.on("ready"))
        assert rig.trouble().endswith("stands: its heartbeat does not change.")


def test_our_heartbeat_stops_when_the_station_cannot_judge(rig: Rig) -> None:
    with rig.running(handshake={"beat_s": 0.01}) as station:
        rig.plc.wait(lambda: rig.plc.wires.get("alive") != 0.0)
        station._troubles["evidence"] = "Evidence cannot be written: No space left; make room on the disk."
        rig.plc.wait(lambda: not rig.plc.on("ready"))
        stood = rig.plc.wires.get("alive")
        rig.plc.trigger()
        rig.shutter.shoot(OK)
        said = rig.plc.answer()
        assert rig.plc.wires.get("alive") == stood
        rig.plc.finish()
        station._troubles.clear()
        assert rig.part(OK).word == "ok"
    assert (said.word, said.code) == ("ng", 2)
    first = rig.producer.verdicts[0]
    assert (first.outcome, len(first.views)) == ("REVIEW", 1)
    assert first.reason.startswith("The part was triggered while the station was not ready: Evidence cannot")


def test_a_station_whose_model_nobody_signed_takes_no_part(rig: Rig) -> None:
    rig.plc.wires.set("ready", 1.0)
    with rig.running(part_number="9000"):
        rig.plc.wait(lambda: not rig.plc.on("ready"))
        assert "Nobody signed the model tiny" in rig.trouble()
        rig.plc.trigger()
        rig.shutter.shoot(OK)
        assert (rig.plc.answer().word, rig.plc.counted[0].code) == ("ng", 2)
        verdict = rig.verdict(1)
        rig.plc.finish()
    assert (verdict.outcome, verdict.answer, len(verdict.views)) == ("REVIEW", "NG", 1)


def test_a_part_that_is_triggered_as_the_station_ends_has_its_answer_and_verdict(
    rig: Rig, monkeypatch: Any
) -> None:
    close = Pipeline.close

    def trigger_and_close(pipeline: Pipeline) -> None:
        close(pipeline)
        rig.plc.trigger(serial="A-1")
        rig.plc.answer()

    monkeypatch.setattr(Pipeline, "close", trigger_and_close)
    with rig.running(identity={"serial": "plc"}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
    assert (rig.plc.counted[0].word, rig.plc.counted[0].code) == ("ng", 2)
    (verdict,) = rig.producer.verdicts
    assert (verdict.outcome, verdict.serial, verdict.attempt) == ("REVIEW", "A-1", 0)


def test_a_code_that_the_scanner_reads_is_the_serial_of_its_part(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        place = {"host": "127.0.0.1", "port": server.getsockname()[1]}
        with rig.running(identity={"serial": "scanner", "scanner": place}):
            link, _ = server.accept()
            with link:
                rig.plc.wait(lambda: rig.plc.on("ready"))
                rig.plc.trigger()
                rig.plc.wait(lambda: rig.plc.on("busy"))
                rig.shutter.shoot(OK)
                link.sendall(b"A-1\r\n")
                said = rig.plc.answer()
                verdict = rig.verdict(1)
                rig.plc.finish()
    assert (said.word, said.code, verdict.outcome) == ("ok", 0, "OK")
    assert (verdict.serial, verdict.attempt, verdict.identity.serial_source) == ("A-1", 1, "scanner")


def test_a_data_matrix_in_its_picture_is_the_serial_of_a_part(rig: Rig) -> None:
    image, code = picture(OK, side=300), datamatrix.draw("W1-7")
    image[40 : 40 + code.shape[0], 40 : 40 + code.shape[1]] = code
    image[:, :, 2] = OK
    with rig.running(identity={"serial": "datamatrix"}):
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        rig.shutter.show(image)
        said = rig.plc.answer()
        verdict = rig.verdict(1)
        rig.plc.finish()
    assert (said.word, said.code, verdict.outcome) == ("ok", 0, "OK")
    assert (verdict.serial, verdict.attempt, verdict.identity.serial_source) == ("W1-7", 1, "datamatrix")


def test_a_code_that_comes_after_its_part_s_time_names_no_other_part(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        place = {"host": "127.0.0.1", "port": server.getsockname()[1]}
        with rig.running(
            identity={"serial": "scanner", "scanner": place}, handshake={"cycle_s": 0.5}
        ) as station:
            link, _ = server.accept()
            with link:
                assert rig.part(OK).word == "ng"
                rig.verdict(1)
                link.sendall(b"A-1\n")
                assert station._naming
                scanner = station._naming._scanner
                assert scanner
                rig.plc.wait(lambda: bool(scanner._scans))
                assert (rig.part(OK).word, rig.verdict(2).serial == "A-1") == ("ng", False)
                assert rig.counters()["late_codes"] == 1
                rig.plc.wait(lambda: rig.plc.on("ready"))
                link.sendall(b"A-3\n")
                rig.plc.wait(lambda: bool(scanner._scans))
                assert (rig.part(OK).word, rig.verdict(3).serial == "A-3") == ("ng", False)
                assert rig.counters()["late_codes"] == 2


BIN: dict[str, Any] = {"bin": {"within_s": 0.3}}


def release_line(rig: Rig) -> None:
    """Let the line go on, once the station's own word is there that it must stand."""
    rig.plc.wait(lambda: rig.plc.on("stop"))
    rig.plc.pulse("release", lambda: not rig.plc.on("stop"))


def test_a_reject_that_was_on_its_way_when_the_station_ended_is_not_forgotten(rig: Rig) -> None:
    settings: dict[str, Any] = {"handshake": {"bin": {"within_s": 60}}}
    with rig.running(**settings):
        release_line(rig)
        assert rig.part(NG).word == "ng"
    with rig.running(**settings):
        rig.plc.wait(lambda: rig.trouble().startswith("The station began anew; see that every reject"))
        assert not rig.plc.on("ready")
        release_line(rig)
        assert rig.part(OK).word == "ok"


def test_a_reject_that_its_bin_confirms_stops_nothing(rig: Rig) -> None:
    with rig.running(handshake={"bin": {"within_s": 10}}):
        release_line(rig)
        assert rig.part(NG).word == "ng"
        assert rig.counters()["bin_waiting"] == 1
        rig.plc.pulse("bin", lambda: rig.counters()["bin_waiting"] == 0)
        assert rig.part(OK).word == "ok"
        assert not rig.plc.on("stop")


def test_a_reject_that_does_not_reach_its_bin_stops_the_line(rig: Rig) -> None:
    with rig.running(handshake=BIN):
        release_line(rig)
        rig.part(NG, part_id="17")
        rig.plc.wait(lambda: rig.plc.on("stop"))
        assert not rig.plc.on("ready")
        assert rig.trouble().startswith("Reject 17 was not seen in its bin within 0.3 s")
        rig.plc.wires.set("operator", "Chen")
        release_line(rig)
        assert rig.part(OK).word == "ok"


def test_who_released_the_line_and_why_it_stood_is_in_the_log(rig: Rig) -> None:
    test_a_reject_that_does_not_reach_its_bin_stops_the_line(rig)
    told = rig.producer.of(Kind.RELEASE, Event.from_json)
    began, missing = BEGAN, "Reject 17 was not seen in its bin within 0.3 s; find it and release the line."
    assert [(event.event, event.reason, event.person) for event in told] == [
        ("line_stopped", began, ""),
        ("line_released", began, ""),
        ("line_stopped", missing, ""),
        ("line_released", missing, "Chen"),
    ]
    assert rig.station is not None
    plant = Plant(name="test", stations=[rig.station._section])
    (row,) = PartRows(plant)(Entry(1, Kind.RELEASE, told[-1].at, "weld-1", told[-1].to_json()))[0]
    person = row.columns["person"]
    assert isinstance(person, Text)
    assert person.to_list() == ["Chen"]


def test_a_part_in_the_bin_that_nobody_rejected_stops_the_line(rig: Rig) -> None:
    with rig.running(handshake=BIN):
        release_line(rig)
        assert rig.part(OK).word == "ok"
        rig.plc.pulse("bin", lambda: rig.plc.on("stop"))
        assert (
            rig.trouble() == "A part that was not rejected fell into the bin; find it and release the line."
        )
        rig.plc.trigger()
        assert rig.plc.answer().code == 2
        rig.plc.finish()
        rig.plc.pulse("release", lambda: not rig.plc.on("stop"))


def let_by(rig: Rig, station: Station, what: str = "bypass") -> None:
    """Order a bypass, or its end, and wait until it holds."""
    order = Order(what, "Wang Li", "camera broken", 30.0, given=time.time_ns())
    files.give(rig.home, "weld-1", order)
    rig.plc.wait(lambda: bool(station._gate.bypass()) == (what == "bypass"))


def test_a_bypass_lets_the_line_run_with_a_camera_that_cannot_be_opened(rig: Rig, monkeypatch: Any) -> None:
    def unplugged(*_: Any) -> Any:
        raise CameraError("Camera cam: unplugged.")

    monkeypatch.setattr(rig.shutter, "open", unplugged)
    never: dict[str, Any] = {"cycle_s": 600.0}
    with rig.running(handshake=never, identity={"serial": "plc", "once": True}) as station:
        rig.plc.wait(lambda: rig.trouble() == "Camera cam: unplugged.")
        rig.plc.wait(lambda: not rig.plc.on("ready"))
        let_by(rig, station)
        said = [rig.plc.part(serial=serial) for serial in ("A-1", "A-2")]
        first = rig.verdict(1)
        let_by(rig, station, "end_bypass")
        rig.plc.wait(lambda: not rig.plc.on("ready"))
    assert [(each.word, each.code) for each in said] == [("review", 12)] * 2
    assert (first.outcome, first.answer, first.decision.rule) == ("REVIEW", "REVIEW", "bypass")
    assert (first.serial, first.attempt, first.views) == ("A-1", 0, ())
    assert first.reason.startswith("Not inspected: bypass by Wang Li until ")
    assert first.reason.endswith(" UTC, camera broken. No picture of the part came.")


def test_a_part_that_was_let_by_stays_so_when_its_picture_comes_after_the_bypass(rig: Rig) -> None:
    with rig.running(handshake={"bin": {"within_s": 60}}) as station:
        release_line(rig)
        let_by(rig, station)
        rig.plc.wait(lambda: rig.plc.on("ready"))
        rig.plc.trigger()
        assert rig.plc.answer().word == "review"
        rig.plc.wait(lambda: rig.counters()["bin_waiting"] == 1)
        let_by(rig, station, "end_bypass")
        rig.shutter.shoot(OK)
        verdict = rig.verdict(1)
        rig.plc.finish()
        assert rig.part(OK).word == "ok"
    assert (verdict.outcome, verdict.decision.rule, verdict.attempt) == ("REVIEW", "bypass", 0)
    assert [(view.rejected, len(view.frame_hash)) for view in verdict.views] == [("bypass", 64)]


def test_a_line_may_send_parts_that_are_let_by_past_its_bin(rig: Rig) -> None:
    with rig.running(handshake={"bin": {"within_s": 60, "bypassed": False}}) as station:
        release_line(rig)
        let_by(rig, station)
        assert rig.part(NG).code == 12
        assert rig.counters()["bin_waiting"] == 0
        let_by(rig, station, "end_bypass")
        assert (rig.part(REVIEW).code, rig.counters()["bin_waiting"]) == (0, 1)


def test_its_health_tells_of_the_handshake(rig: Rig) -> None:
    with rig.running() as station:
        rig.part(OK)
        told = report(station.stats(), None).parts[-1]
    assert (told.kind, told.name, told.ok) == ("handshake", "s7", True)
    assert 0 < told.counters["last_cycle_ms"] < 10_000


def test_a_line_that_runs_for_a_hundred_parts_answers_each_once(rig: Rig) -> None:
    reds = [OK, NG, REVIEW, OK] * 25
    with rig.running(handshake={"poll_s": 0.002}):
        begun = time.monotonic()
        words = [rig.part(red, part_id=str(number)) for number, red in enumerate(reds)]
        assert time.monotonic() - begun < 60
    assert [said.word for said in words] == ["ok", "ng", "review", "ok"] * 25
    assert [said.answer_id for said in words] == [str(number) for number in range(100)]
    assert [verdict.outcome for verdict in rig.producer.verdicts] == ["OK", "NG", "REVIEW", "OK"] * 25
