import hashlib
import json
import shutil
from dataclasses import replace

import pytest

from vision import registry
from vision.testing import CLASSES, SIDE, write_model


def test_a_model_is_found_by_name(tmp_path):
    write_model(tmp_path, "mine")
    model = registry.find("mine", [tmp_path / "elsewhere", tmp_path])
    assert (model.name, model.classes, model.input_size) == ("mine", CLASSES, SIDE)
    assert model.iso6520 == {"Surface_pores": "2017"}


def test_the_hash_is_that_of_the_files_wherever_they_lie(tmp_path):
    first = write_model(tmp_path, "first")
    second = registry.load(shutil.copytree(first.folder, tmp_path / "second"))
    assert second.hash == first.hash
    weights = (second.folder / "model.bin").read_bytes() + b"x"
    (second.folder / "model.bin").write_bytes(weights)
    card = json.loads((second.folder / "card.json").read_text())
    card["files"]["model.bin"] = hashlib.sha256(weights).hexdigest()
    (second.folder / "card.json").write_text(json.dumps(card))
    assert registry.load(second.folder).hash != first.hash


def test_a_model_that_is_nowhere_is_said_with_the_places(tmp_path):
    with pytest.raises(registry.ModelError, match=f"no model 'nothing' in {tmp_path}"):
        registry.find("nothing", [tmp_path])


def test_a_file_that_the_card_does_not_vouch_for_is_refused(tmp_path):
    model = write_model(tmp_path)
    (model.folder / "model.bin").write_bytes(b"changed")
    with pytest.raises(registry.ModelError, match="is not the file that its card vouches for"):
        registry.load(model.folder)


def test_a_missing_file_is_named(tmp_path):
    model = write_model(tmp_path)
    (model.folder / "model.bin").unlink()
    with pytest.raises(registry.ModelError, match=r"lacks .*model\.bin"):
        registry.load(model.folder)


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"files": {}}', '{"files": 3}', "not json"])
def test_a_card_that_cannot_be_read_is_said(tmp_path, card):
    model = write_model(tmp_path)
    (model.folder / "card.json").write_text(card)
    with pytest.raises(registry.ModelError, match="card of the model"):
        registry.load(model.folder)


def another(folder, number):
    """Write a model of the same name whose bytes are others."""
    model = write_model(folder / str(number), "mine")
    xml = model.folder / "model.xml"
    xml.write_bytes(xml.read_bytes() + b"\n" * number)
    card = json.loads((model.folder / "card.json").read_text())
    card["files"]["model.xml"] = hashlib.sha256(xml.read_bytes()).hexdigest()
    (model.folder / "card.json").write_text(json.dumps(card))
    return registry.load(model.folder)


def test_models_of_one_name_live_side_by_side(tmp_path):
    shop = tmp_path / "shop"
    first, second = (registry.register(another(tmp_path, number).folder, shop) for number in (1, 2))
    assert registry.register(tmp_path / "2" / "mine", shop) == second
    assert sorted(place.name for place in shop.iterdir()) == ["mine", f"mine@{second.hash[:12]}"]
    assert registry.find("mine", [shop]).hash == first.hash
    for name in (second.hash, second.hash[:8], f"mine@{second.hash[:9]}", registry.title(second)):
        assert registry.find(name, [shop]).hash == second.hash
    for name in (second.hash[:7], f"other@{second.hash}", "mine@", "0" * 64):
        with pytest.raises(registry.ModelError, match="There is no model"):
            registry.find(name, [shop])


def test_the_same_model_again_brings_the_papers_that_it_has_now(tmp_path):
    shop = tmp_path / "shop"
    held = registry.register(another(tmp_path, 1).folder, shop)
    told = tmp_path / "1" / "mine" / "card.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | {"metrics": {"map50": 0.7}}))
    (told.parent / "README.md").write_text("compared")
    assert registry.register(told.parent, shop) == held
    assert registry.read_card(held.folder)["metrics"] == {"map50": 0.7}
    assert (held.folder / "README.md").read_text() == "compared"
    told.write_text(
        json.dumps({key: fact for key, fact in registry.read_card(held.folder).items() if key != "metrics"})
    )
    assert registry.register(told.parent, shop) == held
    assert registry.read_card(held.folder)["metrics"] == {"map50": 0.7}
    assert registry.register(held.folder, shop) == held


@pytest.mark.parametrize(
    "said",
    [
        {"classes": ["Surface_pores", "good", "Weld"]},
        {"iso6520": {"Surface_pores": "100"}},
        {"input_size": 64},
        {"grey": True},
        {"head": {"kind": "queries"}},
        {"head": {"turned": True}},
        {"precision": "INT8"},
    ],
)
def test_the_same_files_under_another_card_are_another_model(tmp_path, said):
    shop = tmp_path / "shop"
    held = registry.register(another(tmp_path, 1).folder, shop)
    told = tmp_path / "1" / "mine" / "card.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | said))
    other = registry.register(told.parent, shop)
    assert (other.hash != held.hash, other.folder.name) == (True, registry.title(other))
    assert registry.find("mine", [shop]) == held


def test_a_name_that_ships_stays_that_of_what_ships(tmp_path):
    model = write_model(tmp_path, "mine")
    card = json.loads((model.folder / "card.json").read_text())
    (model.folder / "card.json").write_text(json.dumps(card | {"name": "weld-pipe"}))
    registered = registry.register(model.folder, tmp_path / "shop")
    assert registered.folder.name == registry.title(registered)
    assert registry.find("weld-pipe", [tmp_path / "shop"]).hash != registered.hash


def test_a_hash_that_several_begin_with_is_asked_for_in_full(tmp_path, monkeypatch):
    one, two = (registry.register(another(tmp_path, number).folder, tmp_path / "shop") for number in (1, 2))
    alike = [replace(item, hash="a" * 9 + item.hash[9:]) for item in (one, two)]
    twins = [registry.Shelved(item.folder, item) for item in alike]
    monkeypatch.setattr(registry, "shelf", lambda places: twins)
    with pytest.raises(registry.ModelError, match="write more of the hash"):
        registry.find("a" * 9, [tmp_path])


def test_a_model_that_was_spoilt_says_so_when_it_is_asked_for_by_hash(tmp_path):
    shop = tmp_path / "shop"
    first, second = (registry.register(another(tmp_path, number).folder, shop) for number in (1, 2))
    for model in (first, second):
        (model.folder / "model.bin").write_bytes(b"")
        with pytest.raises(registry.ModelError, match="is not the file that its card vouches for"):
            registry.find(registry.title(model), [shop])
