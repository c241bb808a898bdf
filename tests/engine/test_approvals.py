"""People answer for models: a file that only grows, keys that prove who wrote in it, and what follows."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.approvals import deeds, export, keys, shipped
from engine.approvals.chain import Chain
from engine.approvals.deeds import Person
from engine.approvals.entry import ANY, Deed, Entry
from engine.approvals.errors import ApprovalError
from engine.approvals.gate import measure, read_set
from engine.approvals.gate_record import Bar, beyond, worse
from engine.approvals.ledger import Approvals, Use
from engine.approvals.testing import person, sign
from engine.paths import Home
from engine.plant import FolderCamera, StationSection
from engine.recipe import recipe_of
from vision import pictures, registry
from vision.card import sha256
from vision.dataset import DatasetError
from vision.testing import CLASSES, picture, write_model

COMPARED = {
    "metrics": {
        "export": {"map50_trained": 0.8, "map50_exported": 0.799, "detections": 100, "disagreeing": 1}
    }
}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").create()


@pytest.fixture
def wang(home):
    return person(home, "Wang Fang")


@pytest.fixture
def model(home):
    """A detector whose card compares the export with the trained model."""
    return changed(write_model(home.models, "mine"), **COMPARED)


def changed(model, **fields):
    """Change a model's card, and its bytes, so that it is another."""
    card = registry.read_card(model.folder)
    xml = model.folder / "model.xml"
    xml.write_bytes(xml.read_bytes() + b"\n")
    files = card["files"] | {"model.xml": sha256(xml)}
    (model.folder / "card.json").write_text(json.dumps(card | {"files": files} | fields))
    return registry.load(model.folder)


def other(home, model, name, **fields):
    """Register another version of a model beside it."""
    made = write_model(home.root / name, model.name)
    card = registry.read_card(made.folder) | COMPARED
    (made.folder / "card.json").write_text(json.dumps(card))
    for _ in range(len(list(home.models.glob("*/card.json")))):
        made = changed(made, **fields)
    return registry.register(made.folder, home.models)


def station(name="weld", model="mine", part_number="4711"):
    camera = FolderCamera(kind="folder", name="cam", path="/photographs")
    return StationSection(name=name, cameras=[camera], model=model, part_number=part_number)


def gated(home, model, failed="", name="0", **fields):
    """Put a record of the gate there, as it was measured against another model."""
    home.gates.mkdir(parents=True, exist_ok=True)
    told = {"model": model.hash, "at": 1, "set": "0" * 64, "set_name": "frozen", "failed": failed}
    told |= {"against": {"model": "1" * 64}} | fields
    (home.gates / f"{model.hash}-{name}.json").write_text(json.dumps(told))


def test_the_first_person_enrols_himself_and_then_lets_others_in(home, wang):
    li = person(home, "Li Wei", by=wang)
    assert set(Approvals.read(home).people) == {"Wang Fang", "Li Wei"}
    stranger = Person("Zhao", Ed25519PrivateKey.generate())
    with pytest.raises(ApprovalError, match="Nobody enrolled Zhao"):
        deeds.enrol(home, stranger, "Zhao", keys.public_of(stranger.key))
    with pytest.raises(ApprovalError, match="enrolled already"):
        deeds.enrol(home, wang, "Li Wei", keys.public_of(stranger.key))
    deeds.retire(home, li, "Wang Fang", "left")
    with pytest.raises(ApprovalError, match="the last who may sign"):
        deeds.retire(home, li, "Li Wei", "left too")
    assert set(Approvals.read(home).people) == {"Li Wei"}


def test_a_signature_is_for_one_model_part_number_and_station(home, wang, model):
    sign(home, wang, model, "4711", "weld")
    approvals = Approvals.read(home)
    assert approvals.signature(model.hash, "4711", "weld").person == "Wang Fang"
    assert approvals.signature(model.hash, "4711", "other") is None
    assert approvals.signature(model.hash, "4712", "weld") is None
    assert approvals.signature("0" * 64, "4711", "weld") is None
    assert "Nobody signed the model mine" in approvals.refusal([("mine", model.hash)], "4712", "weld")
    assert not approvals.refusal([("mine", model.hash)], "4711", "weld")


def test_what_was_signed_is_withdrawn_at_every_station(home, wang, model):
    sign(home, wang, model, "4711", "weld")
    sign(home, wang, model, "4711", "other")
    deeds.withdraw(home, wang, model.hash, "4711", ANY, "it passes cracks")
    assert not Approvals.read(home).signed
    with pytest.raises(ApprovalError, match=f"Nobody signed {model.hash}"):
        deeds.withdraw(home, wang, model.hash, "4711", ANY, "again")


@pytest.mark.parametrize("called", ["mine", "mine@{}", "{}"])
def test_a_signature_is_withdrawn_of_a_model_whose_files_are_spoilt_or_gone(home, wang, model, called):
    sign(home, wang, model, "4711")
    shutil.rmtree(model.folder)
    deeds.withdraw(home, wang, called.format(model.hash[:8]), "4711", ANY, "spoilt")
    assert not Approvals.read(home).signed


def test_of_several_signed_models_of_a_name_one_must_be_named(home, wang, model):
    newer = other(home, model, "mine")
    for item in (model, newer):
        sign(home, wang, item, "4711")
    with pytest.raises(ApprovalError, match=f"{model.hash[:12]}, mine@{newer.hash[:12]}; name one of them"):
        deeds.withdraw(home, wang, "mine", "4711", ANY, "it passes cracks")
    assert deeds.withdraw(home, wang, newer.hash[:8], "4711", ANY, "it passes cracks").hash == newer.hash
    assert [scope.hash for scope in Approvals.read(home).signed] == [model.hash]


def test_who_has_retired_signs_nothing_and_what_was_signed_stays(home, wang, model):
    li = person(home, "Li Wei", by=wang)
    sign(home, li, model, "4711")
    deeds.retire(home, wang, "Li Wei", "left")
    with pytest.raises(ApprovalError, match="Nobody enrolled Li Wei"):
        sign(home, li, model, "4712")
    assert Approvals.read(home).signature(model.hash, "4711", "weld").person == "Li Wei"


def test_the_key_of_another_person_signs_nothing(home, wang, model):
    li = person(home, "Li Wei", by=wang)
    with pytest.raises(ApprovalError, match="The key is not that of Li Wei"):
        sign(home, Person("Li Wei", wang.key), model)
    forge(home, lambda entry: replace(entry, person="Wang Fang"), sign(home, li, model))
    with pytest.raises(ApprovalError, match=r"Line 3 .* not signed by the key of Wang Fang"):
        Approvals.read(home)


def forge(home, change, entry):
    """Change one line of the file, its signature left as it is."""
    lines = home.approvals.read_bytes().splitlines(keepends=True)
    lines[entry.number - 1] = change(entry).line + b"\n"
    home.approvals.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: replace(entry, part_number="4712"),
        lambda entry: replace(entry, hash="1" * 64),
        lambda entry: replace(entry, signature=entry.signature[::-1]),
        lambda entry: replace(entry, number=7),
        lambda entry: replace(entry, gate={"figures": {"escaped": 0}}),
    ],
)
def test_a_line_that_was_changed_spoils_the_file(home, wang, model, change):
    entry = sign(home, wang, model, "4711")
    forge(home, change, entry)
    with pytest.raises(ApprovalError, match=r"Line 2 of .* was changed .*put the file back"):
        Approvals.read(home)
    with pytest.raises(ApprovalError, match="was changed"):
        sign(home, wang, model, "4713")


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_lines_that_are_cut_off_are_missed(home, wang, model, keep):
    sign(home, wang, model, "4711")
    sign(home, wang, model, "4712")
    lines = home.approvals.read_bytes().splitlines(keepends=True)
    home.approvals.write_bytes(b"".join(lines[:keep]))
    with pytest.raises(ApprovalError, match="lacks lines that were there"):
        Approvals.read(home)
    home.approvals.write_bytes(b"".join(lines))
    assert len(Approvals.read(home).entries) == 3


def test_a_line_taken_out_of_the_middle_breaks_the_chain(home, wang, model):
    for number in ("1", "2", "3"):
        sign(home, wang, model, number)
    lines = home.approvals.read_bytes().splitlines(keepends=True)
    home.approvals.write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(ApprovalError, match=r"Line 3 .* does not follow"):
        Approvals.read(home)


def test_a_whole_other_file_is_not_taken_for_the_one_that_was_there(home, tmp_path, wang, model):
    sign(home, wang, model, "4711")
    elsewhere = Home(tmp_path / "elsewhere").create()
    sign(elsewhere, person(elsewhere, "Wang Fang"), model, "4711")
    home.approvals.write_bytes(elsewhere.approvals.read_bytes())
    with pytest.raises(ApprovalError, match="lacks lines that were there"):
        Approvals.read(home)


def test_a_line_that_was_never_finished_was_never_said(home, wang, model):
    sign(home, wang, model, "4711")
    with home.approvals.open("ab") as file:
        file.write(b'{"number": 3, "deed": "si')
    assert len(Approvals.read(home).entries) == 2
    assert sign(home, wang, model, "4712").number == 3
    assert len(Approvals.read(home).entries) == 3


@pytest.mark.parametrize("line", [b"", b"no json", b"[]", b"{}", b'{"deed": "sing"}', b"\xff\xfe"])
def test_a_line_that_is_none_is_said(home, wang, line):
    with home.approvals.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(ApprovalError, match="Line 2 of"):
        Approvals.read(home)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [item.name for item in fields(Entry)]


@given(field=st.sampled_from([*FIELDS, "strange"]), value=JSON)
def test_a_field_of_any_kind_is_refused_and_nothing_else_happens(tmp_path_factory, field, value):
    home = Home(tmp_path_factory.mktemp("home")).create()
    wang = person(home)
    told = json.loads(home.approvals.read_bytes()) | {field: value}
    try:
        line = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        line = json.dumps(told).encode()
    same = line + b"\n" == home.approvals.read_bytes()
    home.approvals.write_bytes(line + b"\n")
    home.approvals_head.unlink()
    if same:
        assert Approvals.read(home).people == {wang.name: keys.public_of(wang.key)}
        return
    with pytest.raises(ApprovalError, match="Line 1 of"):
        Approvals.read(home)


@given(noise=st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused_and_nothing_else_happens(tmp_path_factory, noise):
    home = Home(tmp_path_factory.mktemp("home")).create()
    home.approvals.write_bytes(noise + b"\n")
    with pytest.raises(ApprovalError, match="Line 1 of"):
        Approvals.read(home)


def test_what_ships_is_signed_for_part_numbers_of_the_demo_alone():
    for name in ("weld-pipe", "weld-sim"):
        model = registry.find(name)
        assert shipped.signature(model.hash, "demo"), "run: python -m engine.approvals.shipped"
        assert shipped.signature(model.hash, "demo-2").station == ANY
        assert shipped.signature(model.hash, "4711") is None
        assert Approvals().signature(model.hash, "4711", "weld") is None
    assert shipped.signature("0" * 64, "demo") is None


def test_a_shipped_signature_that_was_changed_is_none(monkeypatch, tmp_path):
    told = orjson.loads(shipped.FILE.read_bytes())
    first, *others = told["entries"]
    first["hash"] = "0" * 64
    for entry in others:
        entry["part_number"] = "*"
    (tmp_path / "shipped.json").write_bytes(orjson.dumps(told))
    monkeypatch.setattr(shipped, "FILE", tmp_path / "shipped.json")
    assert shipped.signatures.__wrapped__() == {}


def test_a_model_is_signed_on_the_gate_and_the_comparison_of_its_export(home, wang, model):
    with pytest.raises(ApprovalError, match="was not measured on a frozen set"):
        deeds.sign(home, wang, model, "4711")
    gated(home, model, failed="it passes 3 of 9 defective parts, the one in use 1")
    with pytest.raises(ApprovalError, match="failed on the set frozen: it passes 3 of 9"):
        deeds.sign(home, wang, model, "4711")
    gated(home, model)
    entry = deeds.sign(home, wang, model, "4711", reason="looks right")
    assert (entry.gate["set"], entry.reason, entry.person) == ("0" * 64, "looks right", "Wang Fang")
    with pytest.raises(ApprovalError, match="is no part number"):
        deeds.sign(home, wang, model, "4*")


@pytest.mark.parametrize("later", [{}, {"station": "weld"}, {"limits": {"most_escapes": 1.0}}])
def test_what_failed_is_not_signed_whatever_it_passed_later(home, wang, model, later):
    gated(home, model, failed="it rejects 2 of 2 sound parts", part_number="4711", station="weld")
    gated(home, model, name="1", at=2, part_number="4711", **later)
    for station_named in (ANY, "weld", "other"):
        with pytest.raises(ApprovalError, match="failed on the set frozen: it rejects 2 of 2"):
            deeds.sign(home, wang, model, "4711", station_named)


def test_a_signature_rests_on_a_record_for_its_part_number_and_station(home, wang, model):
    gated(home, model, part_number="4711", station="weld")
    assert deeds.sign(home, wang, model, "4711", "weld").gate["station"] == "weld"
    for part_number, where in (("4711", "other"), ("4711", ANY), ("4712", "weld")):
        with pytest.raises(ApprovalError, match=f"not measured .* for part number {part_number}"):
            deeds.sign(home, wang, model, part_number, where)
    gated(home, model, failed="it passes 1 of 2 defective parts", name="1", part_number="4712")
    deeds.sign(home, wang, model, "4711", "weld")
    gated(home, model, name="2", part_number="4711", station="")
    assert deeds.sign(home, wang, model, "4711", "other").gate["station"] == ""
    assert deeds.sign(home, wang, model, "4711").station == ANY


def test_a_bank_is_signed_on_its_card_until_anything_was_measured_for_the_part_number(home, wang, model):
    bank = replace(changed(model, data="thirty good parts"), task="anomaly")
    assert deeds.sign(home, wang, bank, "4711").gate == {"card": {"data": "thirty good parts"}}
    gated(home, other(home, model, "second"), part_number="4711")
    assert "card" in deeds.sign(home, wang, bank, "4712").gate
    with pytest.raises(ApprovalError, match="was not measured on a frozen set for part number 4711"):
        deeds.sign(home, wang, bank, "4711")
    gated(home, bank, part_number="4711", limits={"most_escapes": 0.1})
    assert deeds.sign(home, wang, bank, "4711").gate["set_name"] == "frozen"


def test_a_bank_judges_alone_only_where_a_signature_rests_on_a_record(home, wang, model):
    bank = replace(changed(model), task="anomaly")
    pair = (bank.name, bank.hash)
    deeds.sign(home, wang, bank, "4711", "weld")
    told = Approvals.read(home).unmeasured(pair, "4711", "weld")
    assert f"seamline models gate mine@{bank.hash[:12]} --set FOLDER --part-number 4711" in told
    gated(home, bank, part_number="4711", station="")
    deeds.sign(home, wang, bank, "4711")
    approvals = Approvals.read(home)
    assert approvals.unmeasured(pair, "4711", "weld") == approvals.unmeasured(pair, "4711", "other") == ""
    assert approvals.unmeasured(pair, "4712", "weld")


def test_a_record_from_before_counts_only_where_it_held_the_model_against_another(home, wang, model):
    gated(home, model, against=None)
    with pytest.raises(ApprovalError, match=r"run seamline models gate mine@.* --set FOLDER --part"):
        deeds.sign(home, wang, model, "4711")
    gated(home, model)
    assert deeds.sign(home, wang, model, "4711").gate["set_name"] == "frozen"


@pytest.mark.parametrize(
    ("most", "says"),
    [
        ((0.0, 1.0), "it passes 29 of 100 defective parts, 0 % may be"),
        ((0.29, 0.0), "it rejects 1 of 10 sound parts, 0 % may be"),
        ((0.29, 0.1), ""),
        ((None, None), ""),
    ],
)
def test_a_model_fails_beyond_the_limits_that_were_declared(most, says):
    figures = {"defective": 100, "escaped": 29, "sound": 10, "overkill": 1}
    assert beyond(figures, Bar("", None, *most)) == says


SURE = {"defective": 100, "escaped": 3, "sound": 100, "overkill": 2, "review_rate": 0.02}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({}, ""),
        ({"escaped": 4}, "it passes 4 of 100 defective parts, the one in use 3"),
        ({"overkill": 4}, "it rejects 4 of 100 sound parts, the one in use 2"),
        ({"review_rate": 0.03}, ""),
        ({"review_rate": 0.035}, "it leaves 3.5% of the parts to review, the one in use 2.0%"),
        ({"review_rate": 0.05, "escaped": 0, "overkill": 0}, ""),
        ({"review_rate": 1.0, "escaped": 0, "overkill": 0}, "it leaves 100.0% of the parts to review"),
    ],
)
def test_a_model_that_decides_less_is_worse_than_the_one_in_use(told, says):
    found = worse(SURE | told, SURE)
    assert found.startswith(says)
    assert bool(found) == bool(says)


def test_a_limit_of_review_is_declared_as_the_others_are():
    assert beyond(SURE, Bar(most_review=0.02)) == ""
    assert beyond(SURE, Bar(most_review=0.01)) == "it leaves 2.0% of the parts to review, 1 % may be"
    assert Bar(most_escapes=0.1, most_overkill=0.1).limits == {"most_escapes": 0.1, "most_overkill": 0.1}
    assert Bar(most_review=0.1).limits["most_review"] == 0.1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2 .5 .5 .1 .1", r"b\.txt has a box of a class that classes\.txt lacks"),
        ("-1 .5 .5 .1 .1", r"b\.txt has a box of a class that classes\.txt lacks"),
        ("1 nan .5 .1 .1", r"b\.txt has a box that is no numbers"),
        ("1.9 .5 .5 .1 .1", r"b\.txt has a class that is no whole number"),
    ],
)
def test_a_flaw_that_cannot_be_counted_spoils_the_set(tmp_path, line, says):
    for place in ("images", "labels"):
        (tmp_path / place).mkdir()
    (tmp_path / "classes.txt").write_text("good\npore\n")
    for name, label in (("a", "0 .5 .5 .1 .1"), ("b", "1 .5 .5 .1 .1")):
        (tmp_path / "images" / f"{name}.png").write_bytes(name.encode())
        (tmp_path / "labels" / f"{name}.txt").write_text(label)
    assert [picture.kinds for picture in read_set(tmp_path).pictures] == [(), ("pore",)]
    (tmp_path / "labels" / "b.txt").write_text(line)
    with pytest.raises((ApprovalError, DatasetError), match=says):
        read_set(tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [("bad/0.png", "bad/9.png"), ("bad/0.png", "good/0.png"), ("good/0.png", "good/1.jpg")],
)
def test_a_picture_that_is_there_twice_is_no_evidence_twice(tmp_path, first, second):
    for kind in ("bad", "good"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "0.png").write_bytes(kind.encode())
    (tmp_path / second).write_bytes(b"another")
    assert read_set(tmp_path).parts()
    (tmp_path / second).write_bytes((tmp_path / first).read_bytes())
    with pytest.raises(ApprovalError, match=f"one picture twice, {first} and {second}; take one"):
        read_set(tmp_path)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({}, "does not say how the export compares"),
        ({"map50_trained": 0.8}, "does not say how the export compares"),
        ({"map50_exported": 0.7}, "is off the trained model by 0.1000 of mAP50"),
        ({"disagreeing": 9}, "is off the trained model by 0.0900 of the findings"),
        ({"map50_exported": float("nan")}, "is off the trained model by nan"),
    ],
)
def test_an_export_that_disagrees_with_its_trained_model_decides_nothing(home, wang, model, told, says):
    full = told if len(told) == 0 or "map50_trained" in told else COMPARED["metrics"]["export"] | told
    spoilt = changed(model, metrics={"export": full})
    gated(home, spoilt)
    with pytest.raises(ApprovalError, match=says):
        deeds.sign(home, wang, spoilt, "4711")
    sign(home, wang, spoilt, "4711")
    with pytest.raises(ApprovalError, match=says):
        deeds.promote(home, wang, spoilt, "weld", station())


@pytest.mark.parametrize(
    ("after", "allowed", "trained", "says"),
    [
        (0.79, 0.02, 0.8, ""),
        (0.77, 0.5, 0.8, "by 0.0300 of mAP50, 0.02 is"),
        (0.79, 0.001, 0.8, "0.001 is allowed"),
        (0.79, 0.02, 0.9, "by 0.1100 of mAP50, 0.02 is"),
        (0.79, 0.02, None, "does not say how the export compares"),
    ],
)
def test_a_quantised_model_is_held_against_what_it_was_made_of(home, model, after, allowed, trained, says):
    told = {"map50_trained": trained, "map50_exported": after, "detections": 100, "disagreeing": 60}
    made = changed(
        model,
        quantised={"map50_loss_allowed": allowed},
        metrics={"map50_before": 0.8, "map50": after, "export": told},
    )
    if not says:
        export.check(made)
        return
    with pytest.raises(ApprovalError, match=says):
        export.check(made)


@pytest.mark.parametrize(("views", "rejected"), [([], 1), (["top"], 1), (["a", "b"], 0)])
def test_a_set_shows_the_only_view_of_its_recipe_and_is_measured_by_its_calibration(
    home, model, tmp_path, views, rejected
):
    rule = "{name: a, classes: [Surface_pores], length_mm: {review_from: 0.001, reject_from: 0.002}}"
    (tmp_path / "rules.yaml").write_text(
        f"{{name: r, version: '1', entered_by: Li, process: '135', standard: ISO 5817 C, rules: [{rule}]}}"
    )
    asked = {"rules": tmp_path / "rules.yaml", "mm_per_pixel": {"top": 0.1}, "views": views}
    recipe = recipe_of(StationSection(name="w", cameras=[], model="mine", **asked))
    for kind, red in (("good", 20), ("bad", 200)):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "0.png").write_bytes(pictures.encode_whole(picture(red)))
    told = measure(model, home, read_set(tmp_path), recipe, lambda done, of: None)
    assert (told["escaped"], told["review_rate"]) == (0, (1 - rejected) / 2)


@pytest.mark.parametrize("item", [item for item in registry.shelf() if item.model and item.model.classes])
def test_every_detector_that_ships_agrees_with_what_it_was_made_of(item):
    export.check(item.model)
    assert shipped.signature(item.model.hash, "demo"), "run: python -m engine.approvals.shipped"


def test_only_a_signed_model_of_the_same_classes_is_put_into_use(home, wang, model):
    sign(home, wang, model, "4711")
    second = other(home, model, "second")
    assert second.folder.name == registry.title(second) != model.name
    with pytest.raises(ApprovalError, match="Nobody signed the model mine"):
        deeds.promote(home, wang, second, "weld", station())
    sign(home, wang, second, "4711")
    assert deeds.promote(home, wang, second, "weld", station()).hash == second.hash
    with pytest.raises(ApprovalError, match="in use already"):
        deeds.promote(home, wang, second, "weld", station())
    stranger = other(home, model, "third", classes=[*CLASSES[:2], "dent"])
    sign(home, wang, stranger, "4711")
    with pytest.raises(ApprovalError, match="Weld is missing and dent is new"):
        deeds.promote(home, wang, stranger, "weld", station())


def test_a_rollback_goes_to_the_last_signed_model_and_no_other(home, wang, model):
    section = station()
    sign(home, wang, model, "4711")
    with pytest.raises(ApprovalError, match="Nothing was put into use"):
        deeds.rollback(home, wang, "weld", section, "detect", "worse")
    second, third = other(home, model, "second"), other(home, model, "third")
    for item in (second, third):
        sign(home, wang, item, "4711")
        deeds.promote(home, wang, item, "weld", section)
    assert len({model.hash, second.hash, third.hash}) == 3
    assert deeds.rollback(home, wang, "weld", section, "detect", "worse").hash == second.hash
    assert Approvals.read(home).in_use(Use("weld", section.part_number, "detect")).hash == second.hash
    deeds.promote(home, wang, third, "weld", section)
    deeds.withdraw(home, wang, second.hash, "4711", ANY, "it passes cracks")
    assert deeds.rollback(home, wang, "weld", section, "detect", "worse").hash == model.hash
    deeds.withdraw(home, wang, model.hash, "4711", ANY, "so does this one")
    deeds.promote(home, wang, third, "weld", section)
    with pytest.raises(ApprovalError, match="No model that weld had before is signed"):
        deeds.rollback(home, wang, "weld", section, "detect", "worse")


def test_a_rollback_to_files_that_are_gone_is_refused(home, wang, model):
    section, second = station(), other(home, model, "second")
    for item in (model, second):
        sign(home, wang, item, "4711")
    third = other(home, model, "third")
    sign(home, wang, third, "4711")
    deeds.promote(home, wang, second, "weld", section)
    deeds.promote(home, wang, third, "weld", section)
    (second.folder / "model.bin").unlink()
    with pytest.raises(ApprovalError, match="The last signed model is not here"):
        deeds.rollback(home, wang, "weld", section, "detect", "worse")


def test_a_key_is_its_owners_alone(tmp_path):
    file = tmp_path / "keys" / "wang.pem"
    made = keys.make(file, "secret")
    assert file.stat().st_mode & 0o777 == 0o600
    assert keys.locked(file)
    assert keys.public_of(keys.read(file, "secret")) == keys.public_of(made)
    with pytest.raises(ApprovalError, match="holds a key already"):
        keys.make(file)
    for wrong in ("", "other"):
        with pytest.raises(ApprovalError, match="no key, or its passphrase is another"):
            keys.read(file, wrong)
    file.chmod(0o644)
    with pytest.raises(ApprovalError, match="chmod 600"):
        keys.read(file, "secret")
    with pytest.raises(ApprovalError, match="make one with seamline models key"):
        keys.read(tmp_path / "nothing.pem")


@pytest.mark.parametrize("name", ["", "../wang", "a/b", " wang", "wang\n", "-x", "x" * 81])
def test_a_name_that_is_no_persons_is_refused(home, wang, name):
    with pytest.raises(ApprovalError, match="no name of a person"):
        deeds.enrol(home, wang, name, keys.public_of(wang.key))


def test_what_is_no_key_is_not_enrolled(home, wang):
    for key in ("", "x", "AAAA", "é" * 44):
        with pytest.raises(ApprovalError, match="no public key"):
            deeds.enrol(home, wang, "Li Wei", key)


def test_an_entry_has_one_form():
    entry = Entry(1, "0" * 64, Deed.SIGN, "王芳", 5, name="mine", gate={"b": 1, "a": [0.5]})
    assert Entry.from_line(entry.line) == entry
    with pytest.raises(ValueError, match="as it is written"):
        Entry.from_line(entry.line + b" ")
    assert replace(entry, signature="x").content == entry.content


def test_the_newest_line_is_kept_apart_from_the_file(home, wang):
    assert json.loads(home.approvals_head.read_bytes())["number"] == 1
    assert home.approvals_head.parent != home.approvals.parent
    home.approvals_head.unlink()
    Chain(home).read()
    assert json.loads(home.approvals_head.read_bytes())["number"] == 1


def test_who_reads_while_others_write_never_takes_it_for_a_cut(home, wang, model):
    stop, seen = threading.Event(), []

    def read():
        while not stop.is_set():
            seen.append(len(Approvals.read(home).entries))

    readers = ThreadPoolExecutor(3)
    reading = [readers.submit(read) for _ in range(3)]
    for number in range(60):
        sign(home, wang, model, str(number))
    stop.set()
    readers.shutdown()
    assert [future.exception() for future in reading] == [None] * 3
    assert len(Approvals.read(home).entries) == 61
    assert len(set(seen)) > 3


def test_people_who_sign_at_once_write_one_line_each(home, wang, model):
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda number: sign(home, wang, model, str(number)), range(24)))
    assert sorted(entry.number for entry in entries) == list(range(2, 26))
    assert len(Approvals.read(home).entries) == 25
