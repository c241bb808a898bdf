"""Judge pictures by a bank: one graph from the picture to its map, as many at once as there are lanes."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import openvino as ov

from vision import letterbox, registry
from vision.anomaly import maps, network
from vision.anomaly.bank import Bank
from vision.detect import check_numbers
from vision.network import compiled
from vision.records import Finding, Float32
from vision.registry import Model, ModelError


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One request with the input it reads and the output it fills."""

    request: Any
    blob: Float32
    output: Float32

    def run(self, fitted: letterbox.Fitted) -> Float32:
        """Return the graph's output for a picture; the array is overwritten by the next."""
        letterbox.fill(fitted, self.blob[0])
        self.request.infer(share_outputs=True)
        return self.output


def read_backbone(model: Model) -> ov.Model:
    """Read a backbone's graph.

    Raises
    ------
    ModelError
        OpenVINO cannot read it, or it gives no vectors for the cells of a square.
    """
    try:
        graph = ov.Core().read_model(model.folder / "model.xml", model.folder / "model.bin")
        shapes = tuple(graph.input(0).shape), tuple(graph.output(0).shape)[:-1]
    except RuntimeError as exc:
        raise ModelError(f"OpenVINO cannot read the model in {model.folder}; export it anew.") from exc
    side = model.input_size
    if shapes != ((1, 3, side, side), ((side // network.STRIDE) ** 2,)):
        raise ModelError(f"The model in {model.folder} gives no vectors of cells; name a backbone.")
    return graph


def open_lane(graph: ov.Model, threads: int = 1) -> Lane:
    """Compile a graph for this CPU, pinned to f32 and to threads; it reads and fills arrays of ours."""
    blob, output = (np.zeros(tuple(end.shape), np.float32) for end in (graph.input(0), graph.output(0)))
    request = compiled(graph, threads).create_infer_request()
    request.set_input_tensor(ov.Tensor(blob, shared_memory=True))
    request.set_output_tensor(ov.Tensor(output, shared_memory=True))
    return Lane(request, blob, output)


class AnomalyDetector:
    """Find what no good part has in pictures, from as many threads at once as there are lanes.

    Parameters
    ----------
    bank
        What good parts look like.
    backbone
        The model that the bank's vectors come from.
    lanes, threads
        Pictures computed at once, and threads for each of them.

    Raises
    ------
    ModelError
        The backbone is not the one that the bank was fitted with.
    """

    def __init__(self, bank: Bank, backbone: Model, lanes: int = 1, threads: int = 1) -> None:
        if backbone.hash != bank.backbone_hash:
            raise ModelError(f"The bank was fitted with another version of {bank.backbone}; fit it anew.")
        self.bank = bank
        self.hash = bank.hash
        self.side = backbone.input_size
        graph = network.with_bank(read_backbone(backbone), bank.scale, bank.vectors)
        self._lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for _ in range(lanes):
            self._lanes.put(open_lane(graph, threads))

    @classmethod
    def of(cls, bank: Bank, places: Sequence[Path] = (), lanes: int = 1) -> Self:
        """Find the bank's backbone by its name and open a detector.

        Raises
        ------
        ModelError
            The backbone is not there, or is another one.
        """
        return cls(bank, registry.find(bank.backbone, places), lanes)

    def measure(self, fitted: letterbox.Fitted) -> Float32:
        """Return the map of a picture that was fitted into the backbone's square.

        Raises
        ------
        ModelError
            The answer is no number: nothing may be said of the part.
        """
        lane = self._lanes.get()
        try:
            output = lane.run(fitted)
            check_numbers(output)
            return maps.smooth(maps.Window.of(fitted, self.side).cut(output))
        finally:
            self._lanes.put(lane)

    def find(self, fitted: letterbox.Fitted) -> tuple[Finding, ...]:
        """Return the regions that no good part has, worst first."""
        window = maps.Window.of(fitted, self.side)
        return maps.findings(self.measure(fitted), self.bank.limit, fitted, window)
