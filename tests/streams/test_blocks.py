from hypothesis import given
from hypothesis import strategies as st

from streams.connectors.blocks import Place, plan
from streams.connectors.values import reader

LIMITS = {"a": 10, "b": 4}


def place(area, first, count=1):
    return Place(f"{area}{first}+{count}", area, first, count, lambda payload: payload.hex())


def spans(places, gap=0):
    return [(block.area, block.first, block.count) for block in plan(places, LIMITS, gap)]


def test_neighbours_are_read_together_whatever_their_order():
    assert spans([place("a", 3), place("a", 1, 2), place("a", 4)]) == [("a", 1, 4)]


def test_a_gap_is_read_along_when_that_was_declared():
    apart = [place("a", 0), place("a", 3)]
    assert spans(apart) == [("a", 0, 1), ("a", 3, 1)]
    assert spans(apart, 1) == [("a", 0, 1), ("a", 3, 1)]
    assert spans(apart, 2) == [("a", 0, 4)]


def test_no_request_asks_for_more_than_its_area_gives():
    assert spans([place("b", first) for first in range(6)]) == [("b", 0, 4), ("b", 4, 2)]
    assert spans([place("b", 0), place("b", 3, 4)], 9) == [("b", 0, 1), ("b", 3, 4)]


def test_areas_are_read_apart():
    assert spans([place("b", 1), place("a", 0)]) == [("a", 0, 1), ("b", 1, 1)]


def test_values_that_overlap_are_each_read():
    word = Place("w", "a", 7, 1, reader("uint16", "big"))
    bit = Place("w.1", "a", 7, 1, reader("bool", "big", 1))
    wide = Place("d", "a", 6, 2, reader("uint32", "big"))
    (block,) = plan([word, bit, wide], LIMITS)
    assert dict(block.values(b"\0\x01\0\x02")) == {"w": 2.0, "w.1": 1.0, "d": 65538.0}
    assert str(block) in {"d to w", "d to w.1"}


places = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(1, 4)), min_size=1, unique=True
)


@given(places, st.integers(0, 5))
def test_every_value_is_in_one_block_at_its_own_bytes(found, gap):
    wanted = {f"{area}{first}+{count}": (area, first, count) for area, first, count in found}
    told = {}
    for block in plan([place(*one) for one in found], LIMITS, gap):
        assert block.count <= LIMITS[block.area]
        units = bytes(range(block.first, block.first + block.count))
        for address, value in block.values(units):
            assert address not in told
            told[address] = block.area, value
    assert told == {
        address: (area, bytes(range(first, first + count)).hex())
        for address, (area, first, count) in wanted.items()
    }
