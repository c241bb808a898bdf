"""An export that was made elsewhere is laid beside what it was exported from; its card tells the rest."""

import json

import numpy as np
import pytest

from vision import adopt, comparing, registry
from vision.agreement import Seen, Taught, apart
from vision.comparing import Running, compare
from vision.dataset import DatasetError, Truth
from vision.records import Findings
from vision.registry import ModelError
from vision.testing import CLASSES, SIDE, WELD_SCORE, write_model, write_onnx

BOX = np.array([(0, 0, 64, 64)], np.float32)


@pytest.fixture
def model(tmp_path):
    return adopt.adopt(write_onnx(tmp_path / "weld.onnx"), tmp_path)


@pytest.fixture
def data(tmp_path):
    """A data set's classes; its pictures are played."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "classes.txt").write_text("\n".join(CLASSES))
    return tmp_path / "set"


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A checkpoint that is the same tiny model in OpenVINO's form, and what both find in one picture."""
    trained = Running(write_model(tmp_path / "trained"))
    monkeypatch.setattr(comparing, "Trained", lambda *_: trained)
    monkeypatch.setattr(comparing, "look", lambda samples, models, canvas: iter([seen(models, canvas.width)]))
    (tmp_path / "best.pt").write_bytes(b"weights")
    return tmp_path / "best.pt"


def seen(models, size):
    raw = [run(np.full((1, 3, size, size), 0.5, np.float32)) for run in models]
    both = Findings(CLASSES, BOX, np.array([2], np.int32), np.array([WELD_SCORE], np.float32))
    return Seen(both, both, Truth(BOX, np.array([2], np.int32)), *apart(*raw))


def test_what_came_of_it_stands_on_the_card(model, data, checkpoint):
    compare(model.folder, checkpoint, Taught(data, "split"))
    card = registry.read_card(model.folder)
    told = card["metrics"]["export"]
    assert (told["pictures"], told["worst_score"], told["disagreeing"]) == (1, 0.0, 0)
    assert card["metrics"]["map50_held_out"] == told["map50_exported"] == told["map50_trained"]
    assert (card["compared"]["data"], card["compared"]["split"]) == ("set", "split")
    page = (model.folder / "README.md").read_text()
    assert "0 are" in page
    assert "nobody has compared it" not in page
    assert registry.load(model.folder) == model


def test_another_checkpoint_than_its_own_is_refused(model, data, checkpoint, monkeypatch):
    monkeypatch.setattr(comparing.Trained("any"), "classes", ("a", "b"))
    with pytest.raises(ModelError, match=r"best\.pt knows the classes a, b, the export good, Surface_pores"):
        compare(model.folder, checkpoint, Taught(data, "split"))
    assert "metrics" not in registry.read_card(model.folder)


def test_data_of_other_classes_are_refused(model, data, checkpoint):
    (data / "classes.txt").write_text("good\nWeld\nSurface_pores\n")
    with pytest.raises(DatasetError, match="give data of the same classes in the same order"):
        compare(model.folder, checkpoint, Taught(data, "split"))


def test_a_split_that_holds_nothing_out_is_refused(model, data, checkpoint, monkeypatch):
    monkeypatch.setattr(comparing, "look", lambda *_: iter([]))
    with pytest.raises(DatasetError, match="holds nothing out; name another"):
        compare(model.folder, checkpoint, Taught(data, "split"))


def test_the_command_says_why_it_does_nothing(model, data, checkpoint, monkeypatch, capsys):
    given = ["comparing", str(model.folder), f"--trained={checkpoint}", f"--data={data}", "--split=split"]
    monkeypatch.setattr("sys.argv", given)
    comparing.main()
    assert json.loads(capsys.readouterr().out)["pictures"] == 1
    (data / "classes.txt").write_text("pore\n")
    with pytest.raises(SystemExit):
        comparing.main()
    assert "names pore; the model weld knows" in capsys.readouterr().err


def test_findings_are_compared_in_any_order():
    trained = np.array([[(0, 0, 9, 9, 0.9, 1), (5, 5, 9, 9, 0.8, 1), (0, 0, 1, 1, 0.1, 0)]], np.float32)
    exported = np.array([[(5, 5, 9, 9.5, 0.81, 1), (0, 0, 9, 9, 0.79, 1), (0, 0, 0, 0, 0, 0)]], np.float32)
    assert apart(trained, exported) == pytest.approx((0.11, 0.5))
    assert apart(trained, exported[:, 2:]) == (np.inf, np.inf)


def test_an_export_answers_the_network_s_own_input(model):
    answer = Running(model)(np.full((1, 3, SIDE, SIDE), 0.5, np.float32))
    assert answer.shape == (1, 7, 2)
    assert answer[0, 5, 0] == 0.5
