"""What is handed to the trainer: links to the photographs, a data file, a fixed seed."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np
import pytest
import yaml

from vision import checkpoints, learned, training
from vision.dataset import Split
from vision.datasets.corners import CLIPPED
from vision.datasets.welds import UNNAMED
from vision.simulate import CLASSES
from vision.training import Stage


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for name in ("a", "b", "c"):
        image = np.random.default_rng(ord(name)).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "images" / f"{name}.jpg"), image)
        (folder / "labels" / f"{name}.txt").write_text("0 0.5 0.5 1 1\n")
    (folder / "classes.txt").write_text("good\npore\n")
    return folder


def test_pictures_are_laid_out_as_links(data, tmp_path):
    file = training.lay_out(data, Split(("a.jpg", "b.jpg"), ("c.jpg",)), tmp_path / "out")
    out = tmp_path / "out"
    assert sorted(path.name for path in (out / "images" / "train").iterdir()) == ["a.jpg", "b.jpg"]
    assert (out / "images" / "test" / "c.jpg").resolve() == data / "images" / "c.jpg"
    assert (out / "labels" / "test" / "c.txt").is_symlink()
    described = yaml.safe_load(file.read_text())
    assert described["names"] == {0: "good", 1: "pore"}
    assert (out / described["train"]).is_dir()
    assert (out / described["val"]).is_dir()


def test_laying_out_twice_changes_nothing(data, tmp_path):
    split = Split(("a.jpg",), ("b.jpg",))
    first = training.lay_out(data, split, tmp_path / "out").read_text()
    assert training.lay_out(data, split, tmp_path / "out").read_text() == first


def test_a_picture_without_boxes_is_background(data, tmp_path):
    (data / "labels" / "a.txt").unlink()
    training.lay_out(data, Split(("a.jpg",), ()), tmp_path / "out")
    assert (tmp_path / "out" / "images" / "train" / "a.jpg").exists()
    assert not (tmp_path / "out" / "labels" / "train" / "a.txt").is_symlink()


def test_training_is_seeded_and_never_looks_at_the_test_side(tmp_path):
    settings = training.settings(tmp_path / "data.yaml", tmp_path, "run", 3)
    assert (settings["seed"], settings["deterministic"], settings["epochs"]) == (training.SEED, True, 3)
    assert settings["val"] is False


def test_a_run_knows_the_stages_before_it(tmp_path):
    first, second = Stage(36, 0), Stage(24, 190)
    training.note_stages(tmp_path / "first", first, None)
    training.note_stages(tmp_path / "second", second, tmp_path / "first" / "weights" / "last.pt")
    assert training.read_stages(tmp_path / "second" / "weights" / "last.pt") == (first, second)


def test_a_run_knows_every_picture_that_led_to_its_weights(data, tmp_path):
    training.lay_out(data, Split(("a.jpg",), ()), tmp_path / "out")
    seen = tmp_path / "out" / "images" / "train"
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.png").write_bytes(b"another")
    first, second = (tmp_path / name / "weights" / "last.pt" for name in ("first", "second"))
    for checkpoint in (first, second):
        checkpoint.parent.mkdir(parents=True)
    training.note_learned(tmp_path / "second", other, first)
    assert training.read_learned(second) is None
    training.note_learned(tmp_path / "first", seen, None)
    training.note_learned(tmp_path / "second", other, first)
    known = {learned.digest((data / "images" / "a.jpg").read_bytes()), learned.digest(b"another")}
    assert learned.unpack(training.read_learned(second)) == known


def test_photographs_and_rendered_parts_are_laid_out_together(data, tmp_path):
    (data / "splits.csv").write_text("image,split_unseen_shot\na.jpg,train\nb.jpg,gap\nc.jpg,test\n")
    _, kept = training.lay_out_photographs(data, "split_unseen_shot", tmp_path / "out", 2)
    pictures = [path.name for path in (tmp_path / "out" / "images" / "train").iterdir()]
    assert len(pictures) == 1 + kept


def test_rendered_parts_are_laid_out_alone(tmp_path):
    file, kept = training.lay_out_rendered(tmp_path / "out", 3)
    assert kept == 3
    assert yaml.safe_load(file.read_text())["names"] == dict(enumerate(CLASSES))


def test_what_cannot_be_learned_from_is_left_out_and_told(data, tmp_path):
    (data / "splits.csv").write_text("image,split\na.jpg,train\nb.jpg,train\nc.jpg,test\n")
    (data / "images" / "b.jpg").write_bytes(b"?")
    (data / "labels" / "a.txt").write_text("1 0.9 0.5 0.4 0.2\n")
    before = (data / "labels" / "a.txt").read_text()
    for _ in range(2):
        training.lay_out_photographs(data, "split", tmp_path / "out", 0)
    assert [path.name for path in (tmp_path / "out" / "images" / "train").iterdir()] == ["a.jpg"]
    mended = (tmp_path / "out" / "labels" / "train" / "a.txt").read_text()
    assert [float(word) for word in mended.split()] == pytest.approx([1, 0.85, 0.5, 0.3, 0.2])
    assert (data / "labels" / "a.txt").read_text() == before
    assert json.loads((tmp_path / "out" / training.NOTES).read_text()) == {
        "the file is no JPEG, PNG or BMP": ["b.jpg"],
        CLIPPED: ["a.jpg"],
        UNNAMED: ["a.jpg", "b.jpg", "c.jpg"],
    }


def test_labels_that_have_to_be_mended_later_are_not_written_through_a_link(data, tmp_path):
    training.lay_out(data, Split(("a.jpg",), ()), tmp_path / "out")
    training.lay_out(data, Split(("a.jpg",), ()), tmp_path / "out", {"a.jpg": "mended"})
    assert (data / "labels" / "a.txt").read_text() == "0 0.5 0.5 1 1\n"
    assert (tmp_path / "out" / "labels" / "train" / "a.txt").read_text() == "mended"


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the trainer runs after it."""


class Trainer:
    """Stands where the trainer is: an epoch is a byte of its checkpoint; it can be killed in one."""

    calls: ClassVar[list[dict]] = []
    killed_in = None

    def __init__(self, start):
        self.start = start

    def add_callback(self, event, told):
        assert event == "on_model_save"
        self.told = told

    def train(self, resume=False, **settings):
        Trainer.calls.append({"resume": resume, "start": str(self.start), **settings})
        last = (
            Path(self.start)
            if resume
            else Path(settings["project"]) / settings["name"] / "weights" / "last.pt"
        )
        last.parent.mkdir(parents=True, exist_ok=True)
        for epoch in range(len(last.read_bytes()) if resume else 0, 3):
            if Trainer.killed_in == epoch:
                last.write_bytes(b"")
                raise Killed
            last.write_bytes(b"e" * (epoch + 1))
            self.told(SimpleNamespace(last=last))


@pytest.fixture
def trainer(monkeypatch):
    monkeypatch.setitem(sys.modules, "ultralytics", SimpleNamespace(YOLO=Trainer))
    monkeypatch.setitem(sys.modules, "ultralytics.utils", SimpleNamespace())
    stripped = SimpleNamespace(strip_optimizer=lambda last: last.write_bytes(last.read_bytes() + b"."))
    monkeypatch.setitem(sys.modules, "ultralytics.utils.torch_utils", stripped)
    monkeypatch.setattr(checkpoints, "epochs_behind", lambda last: len(last.read_bytes()))
    monkeypatch.setattr(checkpoints, "fingerprint", lambda last: f"{len(last.read_bytes())} epochs")
    monkeypatch.setattr(Trainer, "calls", [])
    monkeypatch.setattr(Trainer, "killed_in", None)
    return Trainer


def test_a_run_that_is_killed_while_it_writes_goes_on_from_the_last_whole_epoch(
    trainer, tmp_path, monkeypatch
):
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.png").write_bytes(b"a part")

    def run():
        return training.train(tmp_path / "data.yaml", tmp_path, "run", Stage(3, 0))

    monkeypatch.setattr(trainer, "killed_in", 2)
    with pytest.raises(Killed):
        run()
    assert (tmp_path / "run" / "weights" / "last.pt").read_bytes() == b""
    monkeypatch.setattr(trainer, "killed_in", None)
    assert run().read_bytes() == b"eee."
    assert [call["resume"] for call in trainer.calls] == [False, True]
    assert (tmp_path / "run" / training.FINISHED).read_text() == "4 epochs"
    assert training.read_stages(run()) == (Stage(3, 0),)
    assert training.read_learned(run()) == learned.pack([learned.digest(b"a part")])
    assert len(trainer.calls) == 2


def test_a_run_that_was_killed_after_its_last_epoch_is_only_finished(trainer, tmp_path):
    last = tmp_path / "run" / "weights" / checkpoints.KEPT
    last.parent.mkdir(parents=True)
    last.write_bytes(b"eee")
    training.train(tmp_path / "data.yaml", tmp_path, "run", Stage(3, 0))
    assert trainer.calls == []
    assert [path.name for path in last.parent.iterdir()] == ["last.pt"]


@pytest.mark.parametrize(("asked", "seed"), [((), training.SEED), (("--seed", "7"), 7)])
def test_a_new_run_has_the_seed_that_is_asked_for(trainer, tmp_path, monkeypatch, asked, seed):
    line = ["training", "--rendered", "2", "--epochs", "3", "--runs", str(tmp_path), "--name", "run"]
    monkeypatch.setattr(sys, "argv", [*line, *asked])
    training.main()
    assert trainer.calls[0]["seed"] == seed


def test_a_run_from_another_begins_with_its_weights_and_the_same_seed(trainer, tmp_path):
    start = tmp_path / "first" / "weights" / "last.pt"
    training.note_stages(tmp_path / "first", Stage(36, 0), None)
    training.train(tmp_path / "data.yaml", tmp_path, "run", Stage(3, 9), start, freeze=10)
    (call,) = trainer.calls
    assert (call["start"], call["seed"], call["deterministic"], call["freeze"]) == (
        str(start), training.SEED, True, 10,
    )  # fmt: skip
