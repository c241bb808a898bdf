from hypothesis import given
from hypothesis import strategies as st

from engine.console.labels import Label, place, width

PICTURE = (416.0, 416.0)
SIZE = 14.0
side = st.floats(0, 380)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), side, side, st.floats(1, 36), st.floats(1, 36))


def test_a_label_stands_above_its_box():
    (label,) = place([("pores", (100, 100, 150, 150))], SIZE, PICTURE)
    assert label.x == 100
    assert 100 - SIZE < label.y < 100


def test_at_the_upper_edge_it_stands_below():
    (label,) = place([("pores", (100, 2, 150, 50))], SIZE, PICTURE)
    assert label.y > 50


def test_two_boxes_side_by_side_get_labels_apart():
    first, second = place(
        [("surface pores", (100, 100, 120, 120)), ("crater", (125, 100, 140, 120))], SIZE, PICTURE
    )
    assert not first.overlaps(second, SIZE)


def test_chinese_letters_are_wider():
    assert width("气孔", SIZE) > width("ab", SIZE)


def test_a_box_as_large_as_the_picture_has_its_label_inside():
    (label,) = place([("weld", (0, 0, 416, 416))], SIZE, PICTURE)
    assert SIZE <= label.y <= 416


@given(st.lists(boxes, max_size=8))
def test_labels_stay_within_the_picture(found):
    for label in place([("surface pores 0.83", box) for box in found], SIZE, PICTURE):
        assert label.x >= 0
        assert label.x + width(label.text, SIZE) <= PICTURE[0]
        assert SIZE <= label.y <= PICTURE[1]


def test_labels_of_different_rows_do_not_overlap():
    assert not Label("a", 0, 20).overlaps(Label("a", 0, 40), SIZE)
    assert Label("a", 0, 20).overlaps(Label("a", 1, 25), SIZE)
