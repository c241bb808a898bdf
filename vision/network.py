"""Networks as OpenVINO reads them: in its own form, or in ONNX, where the file is all there is to it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import openvino as ov
from openvino import frontend

from vision import noted
from vision.canvas import Canvas
from vision.heads import SUPPRESSED
from vision.onnx_file import lies_elsewhere
from vision.registry import Model, ModelError

INSTRUCTIONS = "ONEDNN_MAX_CPU_ISA"
"""Names the newest instructions of the processor that OpenVINO's kernels use."""
os.environ.setdefault(INSTRUCTIONS, "AVX512_CORE_VNNI")
# Set here, since oneDNN reads it once a process, at its first kernel. With AMX an INT8 network answers with
# other last bits, and a small one takes longer: weld-pipe-int8 19 to 30 ms instead of 13 to 15.

UNREADABLE = (
    RuntimeError,
    frontend.GeneralFailure,
    frontend.InitializationFailure,
    frontend.NotImplementedFailure,
    frontend.OpConversionFailure,
    frontend.OpValidationFailure,
)
"""What OpenVINO raises over a file that it cannot make a network of."""
LARGEST = 2**31
"""Bytes that no protocol buffer has."""
COLOURS, GREY = 3, 1
"""Planes of a picture that a network takes."""
NOTES = "framework"
"""Where OpenVINO keeps what it read beside a network."""


def read(model: Model) -> ov.Model:
    """Return the network of a model.

    Raises
    ------
    ModelError
        OpenVINO cannot read it, or weights of it lie in another file.
    """
    return read_file(model.folder / model.network, model.folder)


def read_file(file: Path, place: Path) -> ov.Model:
    """Return the network of a file, which errors call ``place``; weights of a ``.xml`` are in its ``.bin``.

    Raises
    ------
    ModelError
        OpenVINO cannot read it, or weights of it lie in another file.
    """
    try:
        if file.suffix == ".onnx":
            return _of_onnx(content_of(file), place)
        return ov.Core().read_model(file, file.with_suffix(".bin"))
    except OSError as exc:
        raise ModelError(f"The model in {place} cannot be read: {exc.strerror}.") from exc
    except (*UNREADABLE, ValueError) as exc:
        raise ModelError(f"OpenVINO cannot read the model in {place}; export it anew.") from exc


def content_of(file: Path) -> bytes:
    """Return the bytes of a file in ONNX.

    Raises
    ------
    ValueError
        There are more than one can have.
    """
    if file.stat().st_size >= LARGEST:
        raise ValueError("it is too large")
    return file.read_bytes()


def _of_onnx(content: bytes, place: Path) -> ov.Model:
    """Return the network of the very bytes that were looked at; no other frontend guesses at them."""
    if lies_elsewhere(content):
        raise ModelError(
            f"Weights of the model in {place} lie in another file, which no hash covers;"
            " export it as one file."
        )
    reader = frontend.FrontEndManager().load_by_framework("onnx")
    network = reader.convert(reader.load(io.BytesIO(content)))
    if not network.inputs:
        raise ValueError("it is empty")
    return network


def notes(graph: ov.Model) -> dict[str, str]:
    """Return what whoever exported a network to ONNX noted of it, its ``metadata_props``; {} of no text."""
    try:
        held = graph.get_rt_info([NOTES]).value if graph.has_rt_info([NOTES]) else {}
        return {name: str(getattr(value, "value", value)) for name, value in held.items()}
    except UnicodeDecodeError:
        return {}


def settle(graph: ov.Model, canvas: Canvas) -> ov.Model:
    """Return a network for one picture on a canvas, with its first answer, both in single precision."""
    if graph.is_dynamic():
        channels = graph.input(0).partial_shape[1]
        planes = COLOURS if channels.is_dynamic else channels.get_length()
        graph.reshape([1, planes, canvas.height, canvas.width])
    for result in graph.get_results()[1:]:
        graph.remove_result(result)
    if {end.element_type for end in (*graph.inputs, *graph.outputs)} == {ov.Type.f32}:
        return graph
    ends = ov.preprocess.PrePostProcessor(graph)
    ends.input().tensor().set_element_type(ov.Type.f32)
    ends.output().tensor().set_element_type(ov.Type.f32)
    return ends.build()


def instructions() -> str:
    """Return the newest instructions of the processor that networks are computed with."""
    return os.environ[INSTRUCTIONS]


def compiled(graph: ov.Model, threads: int) -> Any:
    """Compile a network for this CPU, pinned to f32 and to threads.

    What is quantised in it stays quantised: the pin forbids that anything else is rounded.
    """
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": str(threads),
        "ENABLE_CPU_PINNING": "NO",
    }
    return ov.Core().compile_model(graph, "CPU", settings)


def check(graph: ov.Model, model: Model) -> None:
    """See that a network is what its card says.

    Raises
    ------
    ModelError
        Its shapes, its precision or the classes that it names are others.
    """
    canvas = model.canvas
    planes = GREY if model.grey else COLOURS
    expected = [1, planes, canvas.height, canvas.width], model.head.shape(len(model.classes))
    shapes = [end.partial_shape for end in (*graph.inputs, *graph.outputs)]
    alike = [ov.PartialShape(shape).compatible(found) for shape, found in zip(expected, shapes, strict=False)]
    dynamic = graph.is_dynamic() and model.head.kind != SUPPRESSED
    if dynamic or len(shapes) != len(expected) or not all(alike):
        told = ", ".join(map(str, shapes))
        raise ModelError(f"The model in {model.folder} has the shapes {told}, its card says otherwise.")
    if (precision := precision_of(graph)) != model.precision:
        raise ModelError(
            f"The model in {model.folder} computes in {precision}, its card declares {model.precision}."
        )
    named = noted.of(notes(graph)).classes
    if named and named != model.classes:
        raise ModelError(
            f"The model in {model.folder} names the classes {', '.join(named)}, its card"
            f" {', '.join(model.classes)}; register the export anew."
        )


def precision_of(graph: ov.Model) -> str:
    """Return what a network computes in: INT8 where its numbers are rounded to steps, else f32."""
    kinds = {node.get_type_name() for node in graph.get_ops()}
    return "INT8" if "FakeQuantize" in kinds else "f32"
