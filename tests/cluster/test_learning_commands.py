"""Training and measuring a detector from the command line."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from cluster.training import ProcessDied, Training, TrainingError, TrainingStopped, find_python, run_module
from vision.testing import CLASSES, picture, write_model

Command = Callable[..., Any]

TRAINER = """\
#!{python}
import argparse, pathlib, sys, time
parser = argparse.ArgumentParser()
for name in ("runs", "name", "data", "split", "epochs", "rendered", "side", "seed"):
    parser.add_argument("--" + name)
parser.add_argument("--same-welds", action="store_true")
given = parser.parse_args(sys.argv[3:])
run = pathlib.Path(given.runs) / given.name
results = run / "results.csv"
done = len(results.read_text().splitlines()) - 1 if results.exists() else 0
for epoch in range(done, int(given.epochs)):
    with results.open("a") as out:
        out.write(("" if epoch else "epoch\\n") + str(epoch + 1) + "\\n")
    if given.name == "endless" and epoch == done:
        time.sleep(600)
    if given.name == "spoilt":
        sys.exit("the labels are odd")
(run / "weights").mkdir(exist_ok=True)
(run / "weights" / "last.pt").touch()
(run / "finished").write_text("5eed")
(run / "side").write_text(given.side)
(run / "seed").write_text(str(given.seed))
notes = run.with_name(given.name + "-data")
notes.mkdir(exist_ok=True)
(notes / "notes.json").write_text('{{"odd things": ["here", "there"]}}')
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return photographs that the tiny model judges by their red, two of three held out."""
    folder = tmp_path / "data"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    (folder / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    rows = ["image,mine"]
    for seed, (name, red, side) in enumerate((("a", 0, "train"), ("b", 255, "test"), ("c", 0, "test"))):
        cv2.imwrite(str(folder / "images" / f"{name}.png"), picture(red, seed=seed))
        boxes = ["2 0.5 0.5 1 1"] + (["1 0.5 0.25 0.25 0.125"] if red else [])
        (folder / "labels" / f"{name}.txt").write_text("\n".join(boxes), encoding="utf-8")
        rows.append(f"{name}.png,{side}")
    (folder / "splits.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return an environment whose Python is a trainer that needs no libraries."""
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(TRAINER.format(python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    return tmp_path / "env"


def test_a_registered_model_is_measured_on_what_is_held_out(
    seamline: Command, home: Path, data: Path
) -> None:
    model = write_model(home / "models", "mine")
    found = seamline("evaluate", "detector", data, "--model", "mine", "--split", "mine", "--json").json
    assert (found["model"], found["hash"], found["pictures"]) == ("mine", model.hash, 2)
    assert found["ap50"] == pytest.approx({"Surface_pores": 1.0, "Weld": 1.0}, abs=0.01)
    assert found["parts"][0] == {"score": 0.25, "defective": 1, "sound": 1, "escaped": 0, "overkill": 0}
    assert (found["escape_rate"], found["escape_upper95"], found["image_auroc"]) == (0, 0.95, 1)
    assert found["calibration"]["parts"]["ece"] == 0
    words = seamline("evaluate", "detector", data, "--model=mine", "--split=mine").words
    assert "mAP50 0.995" in words
    assert "Escapes below 0.25: 0.00% of defective pictures, with 95 % confidence under 95.00%." in words
    assert "AUROC of pictures 1.0; a picture's score is off by 0.00 on average." in words
    assert "Each picture counts as a part" in words


def test_pictures_of_one_part_are_judged_together(seamline: Command, home: Path, data: Path) -> None:
    write_model(home / "models", "mine")
    (data / "splits.csv").write_text("image,mine,part\na.png,train,1\nb.png,test,2\nc.png,test,2\n")
    command = ("evaluate", "detector", data, "--model=mine", "--split=mine")
    found = seamline(*command, "--json").json
    assert (found["counted"], found["pictures"]) == ("parts", 2)
    assert found["parts"][0] == {"score": 0.25, "defective": 1, "sound": 0, "escaped": 0, "overkill": 0}
    words = seamline(*command).words
    assert "of defective parts, with" in words
    assert "counts as a part" not in words
    (data / "splits.csv").write_text("image,mine,part\na.png,train,1\nb.png,test,\nc.png,test,\n")
    assert seamline(*command, "--json").json["counted"] == "pictures"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: (data / "splits.csv").unlink(), "lacks splits.csv; a data set holds images, labels,"),
        (lambda data: (data / "splits.csv").write_text("image,other\n"), "has no column 'mine'; its columns"),
        (lambda data: (data / "splits.csv").write_text("image,mine\na.png,train\n"), "holds nothing out"),
        (
            lambda data: (data / "classes.txt").write_text("good"),
            "names good; the model mine knows good, Sur",
        ),
        (lambda data: (data / "images" / "b.png").write_bytes(b"?"), "b.png cannot be read as a picture"),
        (lambda data: (data / "labels" / "b.txt").unlink(), "b.txt is missing; write an empty one where"),
        (lambda data: (data / "labels" / "b.txt").write_text("1 2"), "every line must hold five numbers"),
    ],
)
def test_a_data_set_that_is_not_whole_is_one_sentence(
    seamline: Command, home: Path, data: Path, spoil: Callable[[Path], object], says: str
) -> None:
    write_model(home / "models", "mine")
    spoil(data)
    ended = seamline("evaluate", "detector", data, "--model", "mine", "--split", "mine")
    assert ended.code == 2
    assert says in ended.words


def test_a_training_runs_in_its_environment_and_goes_on(
    seamline: Command, home: Path, data: Path, environment: Path
) -> None:
    command = ["train", "detector", data, "--split=mine", f"--environment={environment}", "--json"]
    found = seamline(*command, "--epochs=2").json
    checkpoint = str(home / "runs" / "detector" / "weights" / "last.pt")
    noted = {"weights": "5eed", "notes": {"odd things": 2}}
    assert found == {"checkpoint": checkpoint, "epochs": 2, **noted}
    assert seamline(*command, "--epochs=3").json["epochs"] == 3
    assert "odd things (2): here, there" in seamline(*command[:-1], "--epochs=3").words


def test_the_side_that_a_network_sees_is_asked_for_in_steps_of_32(
    seamline: Command, home: Path, data: Path, environment: Path
) -> None:
    command = ["train", "detector", data, "--split=mine", f"--environment={environment}", "--epochs=1"]
    for name, asked, side in (("usual", (), "320"), ("fine", ("--side=416",), "416")):
        assert seamline(*command, *asked, f"--name={name}").code == 0
        assert (home / "runs" / name / "side").read_text() == side
    ended = seamline(*command, "--side=400")
    assert ended.code == 2
    assert "a side of 400 pixels is no multiple of 32" in ended.words


def test_a_seed_is_handed_on_only_if_one_is_asked_for(
    seamline: Command, home: Path, data: Path, environment: Path
) -> None:
    command = ["train", "detector", data, "--split=mine", f"--environment={environment}", "--epochs=1"]
    for name, asked, seed in (("usual", (), "None"), ("again", ("--seed=7",), "7")):
        assert seamline(*command, *asked, f"--name={name}").code == 0
        assert (home / "runs" / name / "seed").read_text() == seed
    assert seamline(*command, "--seed=-1").code == 2


def test_a_split_that_shares_a_weld_is_not_trained_on_by_chance(
    seamline: Command, home: Path, data: Path, environment: Path
) -> None:
    (data / "splits.csv").write_text("image,weld_group,mine\na.png,A,train\nb.png,A,test\nc.png,B,test\n")
    command = [
        "train",
        "detector",
        data,
        "--split=mine",
        f"--environment={environment}",
        "--epochs=1",
        "--json",
    ]
    ended = seamline(*command)
    assert (ended.code, "mine has a weld on both sides: A" in ended.json["error"]) == (2, True)
    assert seamline(*command, "--same-welds").json["epochs"] == 1


def test_before_a_training_it_is_said_that_nobody_knows_the_welds(
    seamline: Command, home: Path, data: Path, environment: Path
) -> None:
    command = ["train", "detector", data, "--split=mine", f"--environment={environment}", "--epochs=1"]
    warning = "Nobody says which weld 3 of the 3 pictures of mine show."
    assert warning in seamline(*command, "--name=a").words
    assert "name the welds in a column weld_group of" in seamline(*command, "--name=b").words
    assert "Nobody says" not in seamline(*command, "--name=c", "--same-welds").words
    (data / "splits.csv").write_text("image,weld_group,mine\na.png,A,train\nb.png,B,test\nc.png,B,test\n")
    assert "Nobody says" not in seamline(*command, "--name=d").words


def test_a_set_of_another_format_is_imported_once_and_trained_on(
    seamline: Command, home: Path, data: Path, environment: Path
) -> None:
    (data / "splits.csv").unlink()
    command = ["train", "detector", data, f"--environment={environment}", "--epochs=1", "--json"]
    assert "say which show the same weld" in seamline(*command).json["error"]
    assert seamline(*command, "--group-by=(.)").json["epochs"] == 1
    ours = home / "runs" / "detector-set"
    assert len(list((ours / "images").iterdir())) == 3
    assert seamline(*command, "--group-by=(.)").json["epochs"] == 1


def test_an_import_says_what_was_odd(seamline: Command, home: Path, data: Path, tmp_path: Path) -> None:
    (data / "splits.csv").unlink()
    (data / "labels" / "b.txt").write_text("1 0.95 0.5 0.2 0.2\n")
    words = seamline("data", "import", data, tmp_path / "ours", "--group-by=(.)", "--format=yolo").words
    assert "2 to train on, 1 to test on" in words
    assert "boxes that reached out of the picture, cut at its edge (1): b.png" in words
    again = seamline("data", "import", data, tmp_path / "ours", "--group-by=(.)", "--json")
    assert (again.code, "is there already; name a new folder" in again.json["error"]) == (2, True)
    names = tmp_path / "names"
    names.write_text("good")
    ended = seamline("data", "import", data, tmp_path / "other", "--group-by=(.)", "--classes", names)
    assert "not among good: 'Surface_pores' (1), 'Weld' (2)" in ended.words


def test_a_training_that_fails_says_its_last_words(
    seamline: Command, home: Path, data: Path, environment: Path
) -> None:
    ended = seamline(
        "train", "detector", data, "--split=mine", f"--environment={environment}", "--name=spoilt"
    )
    assert ended.code == 2
    assert "The training failed: the labels are odd;" in ended.words


def test_a_training_is_stopped_with_all_that_it_started(tmp_path: Path, environment: Path) -> None:
    task = Training(find_python(environment), tmp_path, "endless", ["--epochs=2"])
    stop = threading.Event()
    with pytest.raises(TrainingStopped, match="Stopped after 1 epochs; the same command goes on from there"):
        task.run(stop, lambda done: stop.set() if done else None)
    assert task.epochs() == 1
    assert task_processes(tmp_path) == []


def task_processes(folder: Path) -> list[int]:
    """Return the processes whose command line names a folder."""
    done = subprocess.run(["pgrep", "-f", f"--runs {folder} "], capture_output=True, text=True, check=False)
    return [int(pid) for pid in done.stdout.split()]


def test_what_is_run_where_the_libraries_are_says_its_last_words() -> None:
    run_module(Path(sys.executable), "vision.comparing", ["--help"])
    with pytest.raises(TrainingError, match="the following arguments are required: folder, --trained"):
        run_module(Path(sys.executable), "vision.comparing", [])


def test_a_process_without_last_words_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dies.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ProcessDied, match="dies was ended by SIGKILL"):
        run_module(Path(sys.executable), "dies", [])


def test_without_its_environment_a_training_says_how_to_make_it(
    seamline: Command, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLINE_TRAIN_ENV", str(tmp_path / "none"))
    ended = seamline("train", "detector", data, "--split", "mine", "--json")
    assert ended.code == 2
    assert "make it with `make train-env`" in ended.json["error"]
    with pytest.raises(TrainingError, match="none"):
        find_python()
