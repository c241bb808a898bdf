"""Compare an export that was made elsewhere with the model that it was exported from; its card tells it.

Runs in the training environment (``make train-env``), where ``seamline models register --trained`` starts it:

    python -m vision.comparing exports/weld --trained best.pt --data ~/sets/welds --split split
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from vision import card, registry
from vision.agreement import Taught, Trained, look, photographs
from vision.agreement import compare as agreed
from vision.dataset import DatasetError, read_classes
from vision.detect import open_request, read_network, refused
from vision.evaluation import judge_parts
from vision.export import BANDS
from vision.records import Float32
from vision.registry import Model, ModelError


class Running:
    """The export as a station runs it, but whole: what a station does itself has been tried against that."""

    def __init__(self, model: Model) -> None:
        self.classes = model.classes
        with refused(model):
            self._request = open_request(read_network(model, whole=True), threads=1)

    def __call__(self, tensor: Float32) -> Float32:
        """Return the raw output of one picture (1, 3, side, side)."""
        self._request.blob[:] = tensor
        self._request.compiled.infer(share_outputs=True)
        return self._request.heads.copy()


def compare(folder: Path, checkpoint: Path, taught: Taught) -> dict[str, Any]:
    """Look at the held-out pictures with both, and write on the export's card how far they are apart.

    Raises
    ------
    DatasetError
        The data set's classes are others, or it holds nothing out.
    ModelError
        It was exported from another model, or does not run here.
    """
    model = registry.load(folder)
    trained = Trained(checkpoint, model.head)
    refuse_others(model, trained.classes, checkpoint.name)
    if (classes := read_classes(taught.data)) != model.classes:
        raise DatasetError(
            f"{taught.data / 'classes.txt'} names {', '.join(classes)}; the model {model.name} knows"
            f" {', '.join(model.classes)}: give data of the same classes in the same order."
        )
    seen = list(look(photographs(taught), (trained, Running(model)), model.canvas))
    if not seen:
        raise DatasetError(f"The split {taught.split} of {taught.data} holds nothing out; name another.")
    agreement, report = agreed(seen, model.classes)
    pairs = [(item.exported, item.truth) for item in seen]
    parts = tuple(judge_parts(pairs, model.classes, score) for score in BANDS)
    numbers = card.metrics(report, parts, agreement, "held_out")
    told = {"data": taught.data.resolve().name, "split": taught.split, "checkpoint": card.sha256(checkpoint)}
    facts = registry.read_card(folder) | {"metrics": numbers, "compared": told, "unproven": list(UNPROVEN)}
    card.write(folder, facts)
    return facts


UNPROVEN = (
    "what it learned from: who trained it knows whether it has seen the pictures that it was compared on",
    "anything that these pictures do not show: other welds, lighting, cameras, distances",
)


def refuse_others(model: Model, classes: tuple[str, ...], checkpoint: str) -> None:
    """See that an export knows the classes of the checkpoint that it is said to come from.

    Raises
    ------
    ModelError
        It knows others.
    """
    if classes != model.classes:
        raise ModelError(
            f"{checkpoint} knows the classes {', '.join(classes)}, the export {', '.join(model.classes)}:"
            " it was made from another model."
        )


def main() -> None:
    """Compare a model's folder with a checkpoint."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the export, with its card")
    parser.add_argument(
        "--trained", type=Path, required=True, help="the checkpoint that it was exported from"
    )
    parser.add_argument("--data", type=Path, required=True, help="the data set")
    parser.add_argument(
        "--split", required=True, help="column of splits.csv whose held-out side is looked at"
    )
    given = parser.parse_args()
    try:
        facts = compare(given.folder, given.trained, Taught(given.data, given.split))
    except (DatasetError, ModelError) as exc:
        parser.exit(1, f"{exc}\n")
    print(json.dumps(facts["metrics"]["export"]))


if __name__ == "__main__":
    main()
