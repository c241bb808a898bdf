import pytest

from engine.console.markup import Html, el, join


def test_texts_are_escaped_and_elements_are_not():
    assert el("p", "<script>", el("b", "&")) == "<p>&lt;script&gt;<b>&amp;</b></p>"


def test_attributes_are_escaped():
    assert el("i", title='"><script>') == '<i title="&quot;&gt;&lt;script&gt;"></i>'


@pytest.mark.parametrize(
    ("attributes", "drawn"),
    [
        ({"class_": "a b"}, '<i class="a b"></i>'),
        ({"aria_hidden": "true"}, '<i aria-hidden="true"></i>'),
        ({"viewBox": "0 0 1 1"}, '<i viewBox="0 0 1 1"></i>'),
        ({"hidden": True}, "<i hidden></i>"),
        ({"hidden": False, "title": None}, "<i></i>"),
        ({"x": 1.23456789}, '<i x="1.23457"></i>'),
    ],
)
def test_names_of_attributes(attributes, drawn):
    assert el("i", **attributes) == drawn


def test_void_elements_have_no_end():
    assert el("img", src="/a") == '<img src="/a">'


def test_children_that_are_none_are_left_out():
    assert join([None, "a", Html("<b>")]) == "a<b>"
