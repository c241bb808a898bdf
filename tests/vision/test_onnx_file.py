"""Weights that lie in another file are seen wherever a tensor may be, whoever wrote the bytes."""

import numpy as np
import onnx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from vision.onnx_file import INSIDE, LONGEST, fields, lies_elsewhere
from vision.testing import write_onnx


def elsewhere(name="w"):
    """Return a tensor whose numbers are in a file beside it."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/hostname")
    return tensor


def sparse():
    return onnx.SparseTensorProto(values=elsewhere(), dims=[2])


def model(**parts):
    return onnx.ModelProto(graph=onnx.GraphProto(**parts))


def node(**attribute):
    return onnx.NodeProto(op_type="Constant", attribute=[onnx.AttributeProto(name="value", **attribute)])


DEEP = onnx.GraphProto(node=[node(g=onnx.GraphProto(node=[node(t=elsewhere())]))])

PLACES = {
    "initializer": model(initializer=[numpy_helper.from_array(np.zeros(2), "a"), elsewhere()]),
    "sparse": model(sparse_initializer=[sparse()]),
    "constant": model(node=[node(t=elsewhere())]),
    "constants": model(node=[node(tensors=[elsewhere()])]),
    "sparse constant": model(node=[node(sparse_tensor=sparse())]),
    "sparse constants": model(node=[node(sparse_tensors=[sparse()])]),
    "graph": model(node=[node(graphs=[DEEP])]),
    "function": onnx.ModelProto(functions=[onnx.FunctionProto(node=[node(t=elsewhere())])]),
    "training": onnx.ModelProto(training_info=[onnx.TrainingInfoProto(initialization=DEEP)]),
}


@pytest.mark.parametrize("place", PLACES)
def test_weights_elsewhere_are_seen(place):
    assert lies_elsewhere(PLACES[place].SerializeToString())


def test_a_whole_model_is_whole(tmp_path):
    content = write_onnx(tmp_path / "weld.onnx", names="{0: 'location', 1: 'b', 2: 'c'}").read_bytes()
    assert not lies_elsewhere(content)
    assert not lies_elsewhere(b"")


def test_the_table_is_that_of_onnx_itself():
    """Every message in which a tensor may be, and every field of it that holds such a message."""
    known = {item.name: item for item in vars(onnx.onnx_ml_pb2)["DESCRIPTOR"].message_types_by_name.values()}
    held = {"TensorProto"}
    while True:
        more = {
            name
            for name, item in known.items()
            if any(field.message_type and field.message_type.name in held for field in item.fields)
        }
        if more <= held:
            break
        held |= more
    table = {
        name: {
            field.number: field.message_type.name
            for field in known[name].fields
            if field.message_type and field.message_type.name in held
        }
        for name in held
    }
    assert table == INSIDE


@pytest.mark.parametrize(
    "content",
    [
        b"\x3a",  # a graph without a length
        b"\x3a\x05ab",  # longer than what is there
        b"\x3a\xff",  # a length without an end
        b"\x3b\x3c",  # a group, which nobody writes any more
        b"\x80" * LONGEST + b"\x01",  # a number that is too long
        b"\xba\x80\x80\x80\x10\x00",  # a key that others cut to that of a graph
    ],
)
def test_bytes_that_others_may_read_differently_are_refused(content):
    with pytest.raises(ValueError, match=r"."):
        lies_elsewhere(content)


@given(st.binary(max_size=200))
@example(b"\xff\xd8\xff\xe0")
def test_any_bytes_are_read_or_refused(content):
    try:
        assert lies_elsewhere(content) in (True, False)
        assert all(number >= 0 for number, _ in fields(memoryview(content)))
    except ValueError as exc:
        assert str(exc)


def external(message):
    """Say the same by the package of ONNX."""
    if isinstance(message, TensorProto):
        return message.data_location == TensorProto.EXTERNAL or bool(message.external_data)
    inner = [
        item
        for field, value in message.ListFields()
        if field.message_type
        for item in (value if hasattr(value, "__len__") else [value])
    ]
    return any(external(item) for item in inner)


WHOLE = helper.make_model(DEEP).SerializeToString()


@given(data=st.data())
def test_no_change_of_bytes_hides_weights_that_are_elsewhere(data):
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        theirs = external(onnx.load_from_string(bytes(content)))
        ours = lies_elsewhere(bytes(content))
    except Exception:  # one of the two refuses it: nothing is run
        return
    assert ours >= theirs
