"""The shipped detector does at run time what its card says, on real photographs of unseen shots."""

import json
import os

import pytest

from bench import accuracy
from vision import registry

DATA = os.environ.get("SEAMLINE_DATA", "")

needs_data = pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA does not name the real data's folder")


@pytest.fixture(scope="module")
def measured():
    return accuracy.run()


@pytest.fixture(scope="module")
def claimed():
    return json.loads((registry.find(registry.DEFAULT).folder / "card.json").read_text())["metrics"]


@pytest.mark.data
@needs_data
def test_the_runtime_is_as_good_as_the_card_says(measured, claimed):
    assert measured["pictures"] == claimed["pictures"] == 214
    assert measured["map50_unseen_shot"] == pytest.approx(claimed["map50"], abs=0.01)
    for key in ("map50_exported", "map50_exported_f32"):
        assert measured[key] == pytest.approx(measured["map50_trained"], abs=0.02)
    assert measured["map50_defects"] == pytest.approx(claimed["map50_defects"], abs=0.03)


@pytest.mark.data
@needs_data
def test_whole_parts_are_judged_as_the_card_says(measured, claimed):
    for item in claimed["parts"]:
        escaped, defective = map(int, measured[f"escaped_{item['score']}"].split("/"))
        assert defective == item["defective"]
        assert abs(escaped - item["escaped"]) <= 2


def test_without_the_data_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("SEAMLINE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="set SEAMLINE_DATA"):
        accuracy.run()
