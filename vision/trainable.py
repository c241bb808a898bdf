"""Make a checkpoint that can be trained further of an export, whose normalisation is folded into its kernels.

A trainer's own checkpoint need not be kept: the shipped model is enough to start another from. Runs in
the training environment (``make train-env``):

    python -m vision.trainable --model weld-pipe --runs runs

A folded convolution gives y + bias, y being what its normalisation saw. Unfolded, it gets the mean and
variance that y has on pictures, and the scale and offset that undo them: the same function, and its
normalisation does not jump when training begins.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vision import registry
from vision.canvas import Canvas
from vision.records import Float32
from vision.rendered import parts_to_train_on
from vision.training import Stage, write_stages

CALIBRATED_ON = 64
"""Rendered parts over which means and variances are taken."""
MOST_APART = 0.05
"""How far a score of the checkpoint may be from the export's: the checkpoint is kept in half precision."""


def folded(folder: Path) -> Iterator[tuple[str, Float32, Float32]]:
    """Yield each convolution of an export: its module's name, kernel and bias."""
    import openvino

    for node in openvino.Core().read_model(folder / "model.xml").get_ordered_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution"):
            name = node.get_friendly_name().removeprefix("__module.").partition("/")[0]
            (added,) = node.output(0).get_target_inputs()
            addends = added.get_node().input_values()
            bias = next(value for value in addends if value.get_node() != node)
            yield name, constant(node.input_value(1)), constant(bias).ravel()


def constant(value: Any) -> Float32:
    """Return what a value of the export holds, kept in half precision and converted when it is loaded."""
    node = value.get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return np.array(node.data, np.float32)


def unfold(model: Any, folder: Path, pictures: Iterable[Float32]) -> None:
    """Fill a network of the trainer's with an export's weights; ``pictures`` are (1, 3, side, side)."""
    import torch

    modules = dict(model.named_modules())
    norms = {}
    for name, kernel, bias in folded(folder):
        convolution = modules[name]
        convolution.weight.data = torch.from_numpy(kernel).reshape(convolution.weight.shape)
        norm = modules.get(f"{name.removesuffix('.conv')}.bn")
        if norm is None and convolution.bias is not None:
            convolution.bias.data = torch.from_numpy(bias)
        elif norm is not None:
            norm.weight.data.fill_(1)
            norm.bias.data = torch.from_numpy(bias)
            norm.running_mean.fill_(0)
            norm.running_var.fill_(1 - norm.eps)
            norms[name] = norm
    calibrate(model, list(norms.values()), pictures)


def calibrate(model: Any, norms: list[Any], pictures: Iterable[Float32]) -> None:
    """Give each normalisation the moments of what it sees, and undo them in its scale and offset."""
    import torch

    seen: dict[Any, list[Any]] = {norm: [] for norm in norms}
    hooks = [
        norm.register_forward_pre_hook(lambda norm, given: seen[norm].append(moments(given[0])))
        for norm in norms
    ]
    with torch.inference_mode():
        model.eval()
        for picture in pictures:
            model(torch.from_numpy(picture))
    for hook in hooks:
        hook.remove()
    for norm, found in seen.items():
        mean, square = (torch.stack(column).mean(dim=0) for column in zip(*found, strict=True))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_((square - mean * mean).clamp(min=1e-4))
        norm.weight.data.copy_((norm.running_var + norm.eps).sqrt())
        norm.bias.data += norm.running_mean


def moments(values: Any) -> tuple[Any, Any]:
    """Return the mean and the mean square of each channel."""
    return values.mean(dim=(0, 2, 3)), (values * values).mean(dim=(0, 2, 3))


def restore(name: str, runs: Path) -> Path:
    """Write a shipped model as the finished run of its name, as if it had been trained here.

    Raises
    ------
    ModelError
        The checkpoint does not give what the export gives.
    """
    from ultralytics import YOLO
    from ultralytics.nn.tasks import DetectionModel

    from vision.agreement import Exported, Trained, apart

    model = registry.find(name)
    network = DetectionModel("yolo11n.yaml", nc=len(model.classes), verbose=False)
    network.names = dict(enumerate(model.classes))
    pictures = list(inputs(model.input_size))
    unfold(network, model.folder, pictures)
    file = runs / name / "weights" / "last.pt"
    file.parent.mkdir(parents=True, exist_ok=True)
    shell = YOLO("yolo11n.yaml")
    shell.model = network
    shell.save(file)
    training = json.loads((model.folder / "card.json").read_text())["training"]
    write_stages(runs / name, [Stage(epochs, training["rendered"]) for epochs in training["epochs"]])
    score, _ = apart(Trained(file)(pictures[0]), Exported(model.folder)(pictures[0]))
    if not score <= MOST_APART:
        raise registry.ModelError(
            f"The checkpoint of {name} is off its export by {score:.3f}; it is no YOLO11n."
        )
    (runs / name / "finished").touch()
    return file


def inputs(side: int) -> Iterator[Float32]:
    """Yield rendered parts as the network sees them."""
    from vision.agreement import prepare

    for picture in parts_to_train_on(CALIBRATED_ON):
        yield prepare(picture.image, Canvas.square(side))[0]


def main() -> None:
    """Restore a shipped model and say where its checkpoint is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="weld-pipe", help="name of a shipped model")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept")
    given = parser.parse_args()
    os.environ.setdefault("YOLO_CONFIG_DIR", str(given.runs.resolve()))
    print(restore(given.model, given.runs))


if __name__ == "__main__":
    main()
