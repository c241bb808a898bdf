"""A station judges by models that somebody signed for, and takes another between two parts."""

import json
import os
import threading
from collections import Counter
from itertools import groupby

import pytest

from engine.approvals import deeds
from engine.approvals.errors import ApprovalError
from engine.approvals.ledger import Approvals
from engine.approvals.testing import person, sign
from engine.paths import Home
from engine.plant import FolderCamera, Plant, StationSection
from engine.recipe import sections_of
from engine.station import Station
from engine.station_models import Models, refusals
from engine.station_report import report
from engine.station_shadow import Shadow, set_shadow
from streams.log.abc import Kind
from vision import adopt, pictures, registry
from vision.card import sha256
from vision.heads import END_TO_END
from vision.records import Frame, Verdict
from vision.testing import picture, write_model, write_onnx

WAIT = 60.0
COMPARED = {"export": {"map50_trained": 0.8, "map50_exported": 0.8, "detections": 9, "disagreeing": 0}}


class Log:
    """A log that keeps what it is sent and tells who waits for it."""

    def __init__(self):
        self.entries = []
        self.changed = threading.Condition()

    def send(self, kind, payload):
        with self.changed:
            self.entries.append((kind, payload))
            self.changed.notify_all()
            return len(self.entries)

    def acknowledged(self):
        return len(self.entries)

    def flush(self, timeout):
        return True

    def close(self):
        pass

    def verdicts(self):
        return [Verdict.from_json(payload) for kind, payload in self.entries if kind is Kind.VERDICT]

    def wait(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, WAIT)


class Stream:
    """A camera without end, as fast as it is read, that shows the same good part again and again."""

    def __init__(self, run, stop):
        self._run, self._stop = run, stop
        self._encoded = pictures.encode_whole(picture(20))
        self._number = 0
        self.live = False

    def read(self):
        if self._stop.is_set():
            return None
        self._number += 1
        number, name = self._number, f"part-{self._number}"
        return Frame(self._run.camera, "front", self._run.name, number, number, self._encoded, None, name)

    def close(self):
        pass


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").create()


@pytest.fixture
def wang(home):
    return person(home)


def version(home, number, **fields):
    """Register a version of the tiny model that answers alike and has a hash of its own."""
    made = write_model(home.root / f"made-{number}", "tiny")
    xml = made.folder / "model.xml"
    xml.write_bytes(xml.read_bytes() + b"\n" * number)
    card = registry.read_card(made.folder)
    files = card["files"] | {"model.xml": sha256(xml)}
    (made.folder / "card.json").write_text(json.dumps(card | {"files": files, "metrics": COMPARED} | fields))
    return registry.register(made.folder, home.models)


def in_onnx(home, **notes):
    """Register the tiny model as Ultralytics would export it to ONNX, once it was compared."""
    place = home.root / "exports"
    place.mkdir(exist_ok=True)
    made = adopt.adopt(write_onnx(place / "tiny.onnx", **notes), place, "tiny")
    card = registry.read_card(made.folder)
    (made.folder / "card.json").write_text(json.dumps(card | {"metrics": COMPARED}))
    return registry.register(made.folder, home.models)


@pytest.fixture
def working(home):
    """Give a function that runs a station until the test ends; what it says is in its log."""
    stop, running = threading.Event(), []

    def run(part_number="4711"):
        camera = FolderCamera(kind="folder", name="cam", path="/nowhere")
        section = StationSection(name="weld", cameras=[camera], model="tiny", part_number=part_number)
        log = Log()
        plant = Plant(name="test", stations=[section])
        station = Station(
            section, plant, home, log, opener=lambda section, run, number, stop: Stream(run, stop)
        )
        thread = threading.Thread(target=station.run, args=(stop,))
        running.append(thread)
        thread.start()
        return station, section, log

    def end():
        stop.set()
        for thread in running:
            thread.join(WAIT)

    run.end = end
    yield run
    end()


def hashes(log):
    return [verdict.versions.model for verdict in log.verdicts()]


def test_a_station_refuses_to_judge_by_a_model_that_nobody_signed(home, working):
    version(home, 0)
    station, _, log = working()
    log.wait(lambda: len(hashes(log)) > 5)
    working.end()
    verdicts = log.verdicts()
    assert {verdict.outcome for verdict in verdicts} == {"REVIEW"}
    assert {verdict.versions.model for verdict in verdicts} == {""}
    assert "Nobody signed the model tiny" in verdicts[0].reason
    assert "seamline models sign tiny@" in verdicts[0].reason
    assert verdicts[0].views[0].frame_hash
    told = report(station.stats(), None)
    assert told.counters["dropped"] == told.counters["captured"] == len(verdicts)
    assert {verdict.views[0].rejected for verdict in verdicts} == {"no_signed_model"}
    assert [part.trouble for part in told.parts if part.kind == "model"] == [verdicts[0].reason]


def test_a_signature_that_comes_lets_a_waiting_station_judge(home, wang, working):
    model = version(home, 0)
    station, _, log = working()
    log.wait(lambda: "" in hashes(log))
    sign(home, wang, model, "4711")
    log.wait(lambda: hashes(log)[-1] == model.hash)
    assert not station.stats().troubles
    deeds.withdraw(home, wang, model.hash, "4711", "*", "it passes cracks")
    log.wait(lambda: hashes(log)[-1] == "")
    assert "Nobody signed" in station.stats().troubles["model"]


def end_to_end(home):
    """Register one that answers with findings themselves."""
    return in_onnx(home, head=END_TO_END)


@pytest.mark.parametrize("another", [lambda home: version(home, 1), in_onnx, end_to_end])
def test_a_model_is_swapped_between_two_parts_and_no_frame_is_lost(home, wang, working, another):
    old, new = version(home, 0), another(home)
    for model in (old, new):
        sign(home, wang, model, "4711")
    station, section, log = working()
    log.wait(lambda: len(hashes(log)) > 20)
    deeds.promote(home, wang, new, "weld", section)
    log.wait(lambda: hashes(log)[-1] == new.hash)
    deeds.rollback(home, wang, "weld", section, "detect", "just to see")
    log.wait(lambda: hashes(log)[-1] == old.hash)
    working.end()
    verdicts = log.verdicts()
    assert [key for key, _ in groupby(hashes(log))] == [old.hash, new.hash, old.hash]
    numbers = [view.sequence for verdict in verdicts for view in verdict.views]
    assert numbers == list(range(1, len(verdicts) + 1))
    frames = station.stats().frames
    assert (frames.captured, frames.open, frames.dropped) == (len(verdicts), 0, 0)
    assert not [payload for kind, payload in log.entries if kind is Kind.FRAMES]
    assert {verdict.outcome for verdict in verdicts} == {"OK"}


def test_a_station_starts_with_a_model_in_onnx(home, wang, working):
    model = in_onnx(home)
    sign(home, wang, model, "4711")
    _, _, log = working()
    log.wait(lambda: len(hashes(log)) > 3)
    assert set(hashes(log)) == {model.hash}


def spoil(model):
    (model.folder / "model.bin").write_bytes((model.folder / "model.bin").read_bytes()[:7])


def not_a_model(model):
    """Put a text there that is no model, with a card that vouches for it."""
    (model.folder / "model.xml").write_text("<html>no model</html>")
    vouch_again(model)


def truncate(model):
    """Cut the weights, with a card that vouches for what is left."""
    (model.folder / "model.bin").write_bytes(b"")
    vouch_again(model)


def photograph(model):
    """Put a photograph in the place of a network in ONNX, with a card that vouches for it."""
    (model.folder / "model.onnx").write_bytes(pictures.encode_whole(picture(20)))
    vouch_again(model)


def vouch_again(model):
    card = registry.read_card(model.folder)
    files = {name: sha256(model.folder / name) for name in registry.files_of(card)}
    (model.folder / "card.json").write_text(json.dumps(card | {"files": files}))


@pytest.mark.parametrize(("harm", "says"), [(spoil, "is not the file"), (None, "knows other classes")])
def test_a_model_that_cannot_take_over_leaves_the_old_one_in_use(home, wang, working, harm, says):
    old = version(home, 0)
    new = version(home, 1, **({} if harm else {"classes": ["good", "Surface_pores", "dent"]}))
    for model in (old, new):
        sign(home, wang, model, "4711")
    station, section, log = working()
    log.wait(lambda: len(hashes(log)) > 5)
    if harm:
        harm(new)
    promote_anyhow(home, wang, new, section)
    log.wait(lambda: says in station.stats().troubles.get("model", ""))
    told = len(hashes(log))
    log.wait(lambda: len(hashes(log)) > told + 20)
    working.end()
    assert Counter(hashes(log)).keys() == {old.hash}
    assert station.stats().frames.open == 0


def promote_anyhow(home, by, model, section):
    """Write what the command would have refused: whoever holds a key can."""
    deeds.write(
        home, by, deeds.Deed.PROMOTE, "", **deeds.named(model), station=section.name, part_number="4711"
    )


@pytest.mark.parametrize("harm", [not_a_model, truncate, photograph])
def test_a_file_that_is_no_model_is_refused_although_its_card_vouches_and_somebody_signed(
    home, wang, working, harm
):
    old, new = version(home, 0), in_onnx(home) if harm is photograph else version(home, 1)
    harm(new)
    new = registry.load(new.folder)
    for model in (old, new):
        sign(home, wang, model, "4711")
    station, section, log = working()
    log.wait(lambda: len(hashes(log)) > 5)
    promote_anyhow(home, wang, new, section)
    log.wait(lambda: "OpenVINO cannot read" in station.stats().troubles.get("model", ""))
    working.end()
    assert set(hashes(log)) == {old.hash}


@pytest.mark.parametrize("spoilt", ["of the plant file", "in use"])
def test_a_signature_that_was_taken_back_ends_the_judging_whatever_file_is_spoilt(
    home, wang, working, spoilt
):
    old, new = version(home, 0), version(home, 1)
    for model in (old, new):
        sign(home, wang, model, "4711")
    station, section, log = working()
    deeds.promote(home, wang, new, "weld", section)
    log.wait(lambda: hashes(log) and hashes(log)[-1] == new.hash)
    spoil(new if spoilt == "in use" else old)
    deeds.withdraw(home, wang, new.hash, "4711", "*", "it passes cracks")
    log.wait(lambda: hashes(log)[-1] == "")
    assert "Nobody signed" in log.verdicts()[-1].reason
    assert station.stats().troubles["model"]
    working.end()
    assert [key for key, _ in groupby(hashes(log))][-2:] == [new.hash, ""]


def test_a_model_whose_signature_was_taken_back_does_not_stay_when_its_successor_fails(
    home, wang, working, monkeypatch
):
    old, new = version(home, 0), version(home, 1)
    for model in (old, new):
        sign(home, wang, model, "4711")
    station, section, log = working()
    log.wait(lambda: len(hashes(log)) > 5)

    def fail(judge):
        raise RuntimeError("no memory")

    monkeypatch.setattr("engine.station_models.warm", fail)
    deeds.promote(home, wang, new, "weld", section)
    log.wait(lambda: "cannot be loaded: RuntimeError" in station.stats().troubles.get("model", ""))
    deeds.withdraw(home, wang, old.hash, "4711", "*", "it passes cracks")
    log.wait(lambda: hashes(log)[-1] == "")
    assert "Nobody signed" in log.verdicts()[-1].reason


def test_a_rule_set_that_is_edited_holds_from_the_next_start_on(home, wang, tmp_path):
    model, other = version(home, 0), version(home, 1)
    for item in (model, other):
        sign(home, wang, item, "4711")
    rules, reference = tmp_path / "rules.yaml", tmp_path / "front.png"
    asked = {"rules": rules, "references": {"front": reference}}
    section = StationSection(name="weld", cameras=[], model="tiny", part_number="4711", **asked)
    plant = Plant(name="test", stations=[section])
    write_asked(rules, reference, reject_above=0.3, red=20)
    recipes = sections_of(section, plant)
    models, shadow = Models("weld", recipes, home), Shadow("weld", section, home, lambda verdict: None)
    before = models.inspectors.of("4711")
    write_asked(rules, reference, reject_above=0.95, red=90)
    deeds.promote(home, wang, other, "weld", section)
    models.look()
    models._thread.join(WAIT)
    after = models.inspectors.of("4711")
    assert after.versions.model == other.hash
    assert after.recipe == before.recipe == shadow._open("tiny").recipe
    deeds.withdraw(home, wang, other.hash, "4711", "*", "it passes cracks")
    models.look()
    models._thread.join(WAIT)
    assert models.inspectors.of("4711").recipe == before.recipe
    assert Models("weld", recipes, home).inspectors.of("4711").recipe != before.recipe


def write_asked(rules, reference, reject_above, red):
    """Write the files of a recipe with a time of their own."""
    pores = f"{{name: pores, classes: [Surface_pores], review_above: 0.1, reject_above: {reject_above}}}"
    head = "name: r\nversion: '1'\nentered_by: Wang Fang\nprocess: '135'\nstandard: ISO 5817 C\n"
    rules.write_text(f"{head}rules:\n  - {pores}\n")
    reference.write_bytes(pictures.encode_whole(picture(red)))
    for file in (rules, reference):
        os.utime(file, (red, red))


@pytest.fixture
def unreadable(monkeypatch):
    """Let the approvals be unreadable as often as the list says, from then on."""
    left, read = [], Approvals.read

    def fail(home):
        if left:
            raise ApprovalError(left.pop())
        return read(home)

    monkeypatch.setattr(Approvals, "read", fail)
    monkeypatch.setattr("engine.station_models.RETRY", (0.01, 0.02))
    return left


def test_a_signature_that_was_taken_back_is_followed_though_the_first_attempts_to_read_it_failed(
    home, wang, working, unreadable
):
    model = version(home, 0)
    sign(home, wang, model, "4711")
    station, _, log = working()
    log.wait(lambda: len(hashes(log)) > 5)
    unreadable += ["It cannot be read: too many open files."] * 3
    deeds.write(
        home, wang, deeds.Deed.WITHDRAW, "cracks", **deeds.named(model), station="*", part_number="4711"
    )
    log.wait(lambda: hashes(log)[-1] == "")
    assert not unreadable
    assert "Nobody signed" in station.stats().troubles["model"]


def test_a_station_that_could_not_read_the_approvals_at_its_start_judges_once_it_can(
    home, wang, working, unreadable
):
    model = version(home, 0)
    sign(home, wang, model, "4711")
    unreadable += ["It cannot be read: too many open files."] * 2
    station, _, log = working()
    log.wait(lambda: hashes(log) and hashes(log)[-1] == model.hash)
    assert not station.stats().troubles


def test_a_running_station_keeps_its_model_when_the_approvals_are_tampered_with(home, wang, working):
    model = version(home, 0)
    sign(home, wang, model, "4711")
    station, _, log = working()
    log.wait(lambda: len(hashes(log)) > 5)
    home.approvals.write_bytes(home.approvals.read_bytes()[:-60] + b"\n")
    log.wait(lambda: "put the file back" in station.stats().troubles.get("model", ""))
    told = len(hashes(log))
    log.wait(lambda: len(hashes(log)) > told + 5)
    assert set(hashes(log)) == {model.hash}
    working.end()


def test_a_station_that_starts_on_tampered_approvals_judges_nothing(home, wang, working):
    model = version(home, 0)
    sign(home, wang, model, "4711")
    home.approvals.write_bytes(home.approvals.read_bytes().splitlines(keepends=True)[0])
    _, _, log = working()
    log.wait(lambda: hashes(log))
    assert set(hashes(log)) == {""}
    assert "lacks lines that were there" in log.verdicts()[0].reason


def test_a_station_starts_with_the_model_that_was_promoted(home, wang, working):
    old, new = version(home, 0), version(home, 1)
    for model in (old, new):
        sign(home, wang, model, "4711")
    _, section, log = working()
    deeds.promote(home, wang, new, "weld", section)
    log.wait(lambda: hashes(log) and hashes(log)[-1] == new.hash)
    _, _, again = working()
    again.wait(lambda: hashes(again))
    assert hashes(again)[0] == new.hash
    assert not again.verdicts()[0].reason.startswith("Nobody")


def test_whoever_starts_a_plant_is_told_which_stations_judge_nothing(home, wang):
    model = version(home, 0)
    sections = [
        StationSection(name=name, cameras=[], model="tiny", part_number="4711") for name in ("a", "b")
    ]
    plant = Plant(name="test", stations=[*sections, StationSection(name="demo", cameras=[])])
    sign(home, wang, model, "4711", "a")
    (told,) = refusals(plant, home)
    assert "Nobody signed the model tiny" in told
    sign(home, wang, model, "4711", "b")
    assert refusals(plant, home) == []
    home.approvals.write_bytes(b"nothing\n")
    (told,) = refusals(plant, home)
    assert "put the file back" in told


@pytest.mark.parametrize("onnx", [False, True])
def test_what_looks_on_is_told_apart_and_costs_no_frame(home, wang, working, onnx):
    model, other = version(home, 0), in_onnx(home) if onnx else version(home, 1)
    sign(home, wang, model, "4711")
    set_shadow(home, "weld", other)
    station, _, log = working()
    log.wait(lambda: len([kind for kind, _ in log.entries if kind is Kind.SHADOW]) > 3)
    working.end()
    told = [Verdict.from_json(payload) for kind, payload in log.entries if kind is Kind.SHADOW]
    assert {verdict.versions.model for verdict in told} == {other.hash}
    assert {verdict.versions.model for verdict in log.verdicts()} == {model.hash}
    said = {verdict.serial: verdict.outcome for verdict in log.verdicts()}
    assert all(said[verdict.serial] == verdict.outcome for verdict in told)
    stats = station.stats()
    assert (stats.frames.captured, stats.frames.open) == (len(log.verdicts()), 0)
    assert stats.shadow[0] == len(told)
    assert 0 < sum(stats.shadow) <= len(said)
