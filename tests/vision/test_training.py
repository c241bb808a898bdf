"""What is handed to the trainer: links to the photographs, a data file, a fixed seed."""

import numpy as np
import pytest
import yaml

from vision import training
from vision.dataset import Split, read_truth
from vision.simulate import RenderedPart
from vision.training import Stage


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for name in ("a", "b", "c"):
        (folder / "images" / f"{name}.jpg").write_bytes(name.encode())
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


def test_rendered_parts_are_added_with_their_boxes(data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "RENDERED_SEEDS", range(1000, 1002))
    training.lay_out(data, Split(("a.jpg",), ()), tmp_path / "out")
    classes = ("good", "Surface_pores")
    kept = training.lay_out_rendered(tmp_path / "out", classes, 8)
    pictures = sorted((tmp_path / "out" / "images" / "train").glob("rendered-*.png"))
    assert 0 < len(pictures) == kept < 8
    for picture in pictures:
        truth = read_truth(tmp_path / "out" / "labels" / "train" / f"{picture.stem}.txt", 416, 416)
        assert truth.labels[0] == 0
        assert (truth.boxes >= -0.01).all()
        assert (truth.boxes <= 416.01).all()


def test_boxes_are_written_as_they_are_read(tmp_path):
    boxes = np.array([(0, 0, 40, 80), (10, 20, 20, 24)], np.float32)
    picture = RenderedPart(np.zeros((80, 40, 3), np.uint8), boxes, ("good", "pore"))
    (tmp_path / "a.txt").write_text(training.yolo_lines(picture, ("pore", "good")))
    truth = read_truth(tmp_path / "a.txt", 40, 80)
    assert truth.boxes == pytest.approx(boxes, abs=1e-3)
    assert truth.labels.tolist() == [1, 0]
