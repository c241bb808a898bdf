import hashlib
import json
import shutil

import pytest

from vision import registry
from vision.testing import CLASSES, SIDE, write_model


def test_a_model_is_found_by_name(tmp_path):
    write_model(tmp_path, "mine")
    model = registry.find("mine", [tmp_path / "elsewhere", tmp_path])
    assert (model.name, model.classes, model.input_size) == ("mine", CLASSES, SIDE)
    assert model.iso6520 == {"Surface_pores": "2017"}


def test_the_hash_is_that_of_the_files_alone(tmp_path):
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
