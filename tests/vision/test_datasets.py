"""Sets of others: the same pictures and boxes in every format become the same folder."""

import csv
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.dataset import DatasetError, read_classes, read_split, read_truth
from vision.datasets import FORMATS, Plan, bring, recognise
from vision.datasets.corners import CLIPPED, FLAT, NO_NUMBER, OUTSIDE, SWAPPED, straighten

DATA = os.environ.get("SEAMLINE_DATA", "")
CLASSES = ("crater", "pore")
WIDTH, HEIGHT = 80, 64
BOXES = {
    "w1-a": [("pore", (8, 16, 40, 48))],
    "w1-b": [],
    "w2-a": [("crater", (0, 0, 20, 16)), ("pore", (40, 32, 80, 64))],
}
"""Pictures of two welds."""
SIDES = {"w1-a": "train", "w1-b": "train", "w2-a": "test"}
BY_NAME = Plan(group_by="(w[0-9])")


def image(seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def put(file, seed):
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), image(seed))


def yolo(folder):
    for seed, (name, boxes) in enumerate(BOXES.items()):
        place = Path(SIDES[name])
        put(folder / "images" / place / f"{name}.png", seed)
        (folder / "labels" / place).mkdir(parents=True, exist_ok=True)
        rows = [
            f"{CLASSES.index(label)} {(x0 + x1) / 2 / WIDTH} {(y0 + y1) / 2 / HEIGHT}"
            f" {(x1 - x0) / WIDTH} {(y1 - y0) / HEIGHT}"
            for label, (x0, y0, x1, y1) in boxes
        ]
        (folder / "labels" / place / f"{name}.txt").write_text("\n".join(rows))
    (folder / "data.yaml").write_text("train: images/train\nval: images/test\nnames: {0: crater, 1: pore}\n")


def voc_xml(name, boxes, size=(WIDTH, HEIGHT)):
    rows = "".join(
        f"<object><name>{label}</name><bndbox>"
        + "".join(
            f"<{key}>{value}</{key}>"
            for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        )
        + "</bndbox></object>"
        for label, box in boxes
    )
    return (
        f"<annotation><filename>{name}.png</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height></size>{rows}</annotation>"
    )


def voc(folder):
    (folder / "Annotations").mkdir(parents=True)
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for seed, (name, boxes) in enumerate(BOXES.items()):
        put(folder / "JPEGImages" / f"{name}.png", seed)
        (folder / "Annotations" / f"{name}.xml").write_text(voc_xml(name, boxes))
    for side in ("train", "test"):
        names = [name for name, other in SIDES.items() if other == side]
        (folder / "ImageSets" / "Main" / f"{side}.txt").write_text("\n".join(names))


def coco(folder):
    categories = [{"id": 7, "name": "pore"}, {"id": 3, "name": "crater"}]
    numbers = {item["name"]: item["id"] for item in categories}
    for side in ("train", "test"):
        images, annotations = [], []
        for seed, (name, boxes) in enumerate(BOXES.items()):
            if SIDES[name] != side:
                continue
            put(folder / side / f"{name}.png", seed)
            images.append({"id": seed, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT})
            annotations += [
                {"image_id": seed, "category_id": numbers[label], "bbox": [x0, y0, x1 - x0, y1 - y0]}
                for label, (x0, y0, x1, y1) in boxes
            ]
        held = {"images": images, "annotations": annotations, "categories": categories}
        (folder / side / "_annotations.coco.json").write_text(json.dumps(held))


def mvtec(folder):
    for seed, (name, boxes) in enumerate(BOXES.items()):
        put(folder / SIDES[name] / ("mixed" if boxes else "good") / f"{name}.png", seed)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for _, (x0, y0, x1, y1) in boxes:
            mask[y0:y1, x0:x1] = 255
        (folder / "ground_truth" / "mixed").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "ground_truth" / "mixed" / f"{name}_mask.png"), mask)
    (folder / "test" / "good").mkdir()
    (folder / "test" / "mixed").mkdir(exist_ok=True)


WRITERS = {"yolo": yolo, "voc": voc, "coco": coco, "mvtec": mvtec}


@pytest.fixture(params=WRITERS)
def source(request, tmp_path):
    folder = tmp_path / request.param
    folder.mkdir()
    WRITERS[request.param](folder)
    return folder


def boxes_of(folder, name):
    truth = read_truth(folder / "labels" / f"{name}.txt", WIDTH, HEIGHT)
    names = read_classes(folder)
    return [
        (names[label], tuple(box))
        for label, box in zip(truth.labels, truth.boxes.round().tolist(), strict=True)
    ]


def test_every_format_is_recognised_and_says_the_same(source, tmp_path):
    form = recognise(source)
    assert form.name == source.name
    told = bring(form, source, tmp_path / "out", BY_NAME)
    assert told.pictures == {"train": 2, "test": 1}
    split = read_split(tmp_path / "out", "split")
    assert (split.train, split.test) == (("w1-a.png", "w1-b.png"), ("w2-a.png",))
    for name, boxes in BOXES.items():
        expected = [("mixed", box) for _, box in boxes] if form.name == "mvtec" else boxes
        assert boxes_of(tmp_path / "out", name) == expected
    assert dict(told.notes) == {}


def test_the_same_source_gives_the_same_bytes(source, tmp_path):
    def content(folder):
        return {
            file.relative_to(folder): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }

    for name in ("one", "two"):
        bring(recognise(source), source, tmp_path / name, BY_NAME)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_weld_on_both_sides_is_refused_and_nothing_is_written(source, tmp_path):
    with pytest.raises(DatasetError, match="a weld on both sides: w; part it by weld"):
        bring(recognise(source), source, tmp_path / "out", Plan(group_by="(w)"))
    assert not (tmp_path / "out").exists()


def test_the_same_picture_on_both_sides_stays_where_it_is_learned(source, tmp_path):
    form = recognise(source)
    (trained,) = (
        source.rglob("w1-a.png") if form.name != "mvtec" else [source / "train" / "mixed" / "w1-a.png"]
    )
    (tested,) = source.rglob("w2-a.png")
    shutil.copy(trained, tested)
    put(tested.with_name("w2-b.png"), 9)
    with pytest.raises(DatasetError, match="All pictures show one weld"):
        bring(form, source, tmp_path / "out", BY_NAME)


def test_classes_that_were_not_asked_for_are_refused_by_name(tmp_path):
    voc(tmp_path / "in")
    with pytest.raises(DatasetError, match=r"not among pore: 'crater' \(1\)"):
        bring(FORMATS["voc"], tmp_path / "in", tmp_path / "out", Plan(classes=("pore",)))


def test_a_yolo_label_beyond_the_names_is_a_strange_class(tmp_path):
    yolo(tmp_path / "in")
    (tmp_path / "in" / "labels" / "train" / "w1-b.txt").write_text("5 0.5 0.5 0.5 0.5")
    with pytest.raises(DatasetError, match="'class 5'"):
        bring(FORMATS["yolo"], tmp_path / "in", tmp_path / "out", Plan())


def test_a_class_may_have_several_words_and_must_have_one(tmp_path):
    coco(tmp_path / "in")
    for side in ("train", "test"):
        file = tmp_path / "in" / side / "_annotations.coco.json"
        file.write_text(file.read_text().replace('"pore"', '"open  pore: \\n large"'))
    told = bring(FORMATS["coco"], tmp_path / "in", tmp_path / "out", BY_NAME)
    assert told.classes == read_classes(tmp_path / "out") == ("crater", "open pore: large")
    assert boxes_of(tmp_path / "out", "w1-a") == [("open pore: large", (8, 16, 40, 48))]
    file.write_text(file.read_text().replace('"crater"', '" "'))
    with pytest.raises(DatasetError, match="a category without a number or a name"):
        bring(FORMATS["coco"], tmp_path / "in", tmp_path / "other", BY_NAME)


def test_a_set_of_links_is_read_as_one_of_files(source, tmp_path):
    for file in [*source.rglob("*.png")]:
        file.rename(moved := tmp_path / f"{file.parent.name}-{file.name}")
        file.symlink_to(moved)
    told = bring(recognise(source), source, tmp_path / "out", BY_NAME)
    assert told.pictures == {"train": 2, "test": 1}


@pytest.mark.parametrize("line", ["inf 0.5 0.5 1 1", "nan 0 0 1 1", "1 0.5 0.5 1", "pore", "1 0 0 1 1 0"])
def test_a_label_file_that_cannot_be_read_costs_one_picture(tmp_path, line):
    yolo(tmp_path / "in")
    (tmp_path / "in" / "labels" / "train" / "w1-b.txt").write_text(line)
    told = bring(FORMATS["yolo"], tmp_path / "in", tmp_path / "out", Plan())
    assert told.notes["label files that cannot be read"] == ["images/train/w1-b.png"]


def test_outlines_become_boxes(tmp_path):
    yolo(tmp_path / "in")
    (tmp_path / "in" / "labels" / "train" / "w1-b.txt").write_text("1 0.25 0.5 0.75 0.25 0.5 0.75")
    bring(FORMATS["yolo"], tmp_path / "in", tmp_path / "out", Plan())
    assert boxes_of(tmp_path / "out", "w1-b") == [("pore", (20, 16, 60, 48))]


def test_boxes_are_brought_to_the_picture_that_is_there(tmp_path):
    voc(tmp_path / "in")
    double = [("pore", (16, 32, 80, 96))]
    (tmp_path / "in" / "Annotations" / "w1-a.xml").write_text(
        voc_xml("w1-a", double, (2 * WIDTH, 2 * HEIGHT))
    )
    (tmp_path / "in" / "Annotations" / "w1-b.xml").write_text(voc_xml("w1-b", [], (HEIGHT, WIDTH)))
    told = bring(FORMATS["voc"], tmp_path / "in", tmp_path / "out", Plan())
    assert boxes_of(tmp_path / "out", "w1-a") == BOXES["w1-a"]
    assert [*told.notes] == ["pictures whose proportions are not those that their boxes are told in"]


def test_whole_welds_are_held_out_where_nothing_parts_them(tmp_path):
    voc(tmp_path / "in")
    shutil.rmtree(tmp_path / "in" / "ImageSets")
    with pytest.raises(DatasetError, match="say which show the same weld"):
        bring(FORMATS["voc"], tmp_path / "in", tmp_path / "out", Plan())
    groups = tmp_path / "groups.csv"
    groups.write_text("image,weld_group\nw1-a.png,A\nw1-b.png,A\nw2-a.png,B\n")
    bring(FORMATS["voc"], tmp_path / "in", tmp_path / "out", Plan(groups=groups))
    with (tmp_path / "out" / "splits.csv").open() as file:
        rows = list(csv.DictReader(file))
    sides = {row["weld_group"]: row["split"] for row in rows}
    assert sorted(sides.values()) == ["test", "train"]
    assert all(row["split"] == sides[row["weld_group"]] for row in rows)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Plan(group_by="("), "no regular expression"),
        (Plan(group_by="w"), "needs a group in parentheses"),
        (Plan(group_by="(x[0-9])"), "3 names do not fit"),
        (Plan(groups=Path("nowhere.csv")), "must be a CSV file with the columns image and weld_group"),
    ],
)
def test_groups_that_say_nothing_are_one_sentence(tmp_path, plan, says):
    yolo(tmp_path / "in")
    with pytest.raises(DatasetError, match=says):
        bring(FORMATS["yolo"], tmp_path / "in", tmp_path / "out", plan)


@pytest.mark.parametrize(
    "text",
    [
        "<annotation",
        "<annotation><object><bndbox/></object>",
        '<!DOCTYPE a [<!ENTITY b "c">',
        '<?xml version="1.0" encoding="none"?><annotation/>',
    ],
)
def test_an_annotation_that_cannot_be_read_costs_one_picture(tmp_path, text):
    voc(tmp_path / "in")
    (tmp_path / "in" / "Annotations" / "w1-b.xml").write_text(text)
    told = bring(FORMATS["voc"], tmp_path / "in", tmp_path / "out", Plan())
    assert told.notes["annotations that cannot be read"] == ["Annotations/w1-b.xml"]
    assert told.pictures == {"train": 1, "test": 1}


def test_a_name_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    coco(tmp_path / "in")
    put(tmp_path / "secret.png", 5)
    file = tmp_path / "in" / "train" / "_annotations.coco.json"
    file.write_text(file.read_text().replace("w1-b.png", "../../secret.png"))
    told = bring(FORMATS["coco"], tmp_path / "in", tmp_path / "out", Plan())
    assert told.notes["annotations without a picture"] == ["secret.png"]


@pytest.mark.parametrize("source", ["voc", "coco"])
def test_a_name_that_no_file_can_have_costs_one_picture(tmp_path, source):
    WRITERS[source](tmp_path / "in")
    place = {"voc": "Annotations/w1-b.xml", "coco": "train/_annotations.coco.json"}[source]
    file, name = tmp_path / "in" / place, "w" * 300
    file.write_text(file.read_text().replace("w1-b.png", f"{name}.png"))
    (tmp_path / "in" / "JPEGImages" / "w1-b.png").unlink(missing_ok=True)
    told = bring(FORMATS[source], tmp_path / "in", tmp_path / "out", Plan())
    assert len(told.notes["annotations without a picture"]) == 1
    assert told.pictures == {"train": 1, "test": 1}


def test_numbers_without_end_cost_one_picture_or_are_refused(tmp_path):
    coco(tmp_path / "in")
    file = tmp_path / "in" / "train" / "_annotations.coco.json"
    text = file.read_text()
    file.write_text(text.replace('"category_id": 7', '"category_id": 1e999'))
    told = bring(FORMATS["coco"], tmp_path / "in", tmp_path / "out", Plan())
    assert told.notes["annotations that cannot be read"] == ["train/w1-a.png"]
    file.write_text(text.replace('"id": 7', '"id": 1e999'))
    with pytest.raises(DatasetError, match="a category without a number"):
        bring(FORMATS["coco"], tmp_path / "in", tmp_path / "other", Plan())


def test_pictures_that_share_a_number_are_refused(tmp_path):
    coco(tmp_path / "in")
    file = tmp_path / "in" / "train" / "_annotations.coco.json"
    file.write_text(file.read_text().replace('"id": 1, "file_name"', '"id": 0, "file_name"'))
    with pytest.raises(DatasetError, match="calls several pictures 0; number each on its own"):
        bring(FORMATS["coco"], tmp_path / "in", tmp_path / "out", Plan())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("names: " + "[" * 5000, "no YAML that can be read"),
        ("names: [!!int '', a]", "no YAML that can be read"),
        ("names: {0: a, b: c}", "names its classes in no order"),
        ("names: ['']", "names its classes in no order"),
        ("names: 7", "names its classes in no order"),
        ("names: [crater, pore]\ntrain: " + "i" * 300, "has no folder iii"),
    ],
)
def test_a_data_file_that_says_nothing_is_one_sentence(tmp_path, text, says):
    yolo(tmp_path / "in")
    (tmp_path / "in" / "data.yaml").write_text(text)
    with pytest.raises(DatasetError, match=says):
        bring(FORMATS["yolo"], tmp_path / "in", tmp_path / "out", Plan())


@pytest.mark.parametrize("text", ["{", '{"images": ', "[" * 200_000])
def test_a_json_that_is_none_is_refused(tmp_path, text):
    coco(tmp_path / "in")
    (tmp_path / "in" / "train" / "_annotations.coco.json").write_text(
        '{"images": [], "annotations": [], "categories": ' + text
    )
    with pytest.raises(DatasetError, match="no JSON that can be read"):
        bring(FORMATS["coco"], tmp_path / "in", tmp_path / "out", Plan())


def test_a_folder_of_no_format_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="in no format that is known: mvtec, coco, voc, yolo"):
        recognise(tmp_path)
    with pytest.raises(DatasetError, match="no format 'tar'"):
        recognise(tmp_path, "tar")
    with pytest.raises(DatasetError, match="There is no folder"):
        recognise(tmp_path / "nowhere")


def test_boxes_are_straightened_and_each_change_is_told():
    noted = []
    boxes, which = straighten(
        [(60, 10, 20, 30), (-10, 5, 10, 15), (200, 0, 300, 10), (5, 5, 5, 9), (float("nan"), 0, 1, 1),
         (0, 0, 100.05, 50)],
        (100, 50), (1 / 100, 1 / 50), lambda what, where: noted.append(what), "x",
    )  # fmt: skip
    assert which.tolist() == [0, 1, 5]
    assert boxes == pytest.approx(np.array([(0.2, 0.2, 0.6, 0.6), (0, 0.1, 0.1, 0.3), (0, 0, 1, 1)]))
    assert sorted(noted) == sorted([NO_NUMBER, OUTSIDE, FLAT, SWAPPED, CLIPPED])


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA does not name the real data's folder")
def test_swapped_corners_of_real_annotations_are_put_in_order_and_lost_by_none(tmp_path):
    samples = Path(DATA) / "welds-pipe" / "voc_sample"
    shutil.copytree(samples, tmp_path / "in")
    for seed, file in enumerate(sorted((tmp_path / "in").glob("*.xml"))):
        cv2.imwrite(str(file.with_suffix(".png")), cv2.resize(image(seed), (200, 200)))
    told = bring(FORMATS["voc"], tmp_path / "in", tmp_path / "out", Plan(group_by=r"IMG-\d+-(\d)"))
    written = sum(file.read_text().count("<object>") for file in (tmp_path / "in").glob("*.xml"))
    assert sum(told.boxes.values()) + len(told.notes[FLAT]) == written
    assert len(told.notes[SWAPPED]) > 20
