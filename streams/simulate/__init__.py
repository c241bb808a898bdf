"""A simulated shop: machines with programs, stops, breakdowns, shifts, and a bearing that wears out.

Everything follows from a seed and a start time, so that a run can be repeated. Lines and batches go
through the same connectors as those of real machines; nothing here opens a socket or waits. What is
true of the machines is never in the stream: `truth` computes it anew, `score` compares.
"""

from streams.simulate.adapter import Line, adapter_lines
from streams.simulate.model import Model
from streams.simulate.score import Observed, Score, score
from streams.simulate.sensors import load_tags, sensors
from streams.simulate.shop import SEED, SHOP, WELD_CELL_1, ZONE, model
from streams.simulate.telling import readings, sampling
from streams.simulate.truth import MachineTruth, finishes, truth

__all__ = [
    "SEED",
    "SHOP",
    "WELD_CELL_1",
    "ZONE",
    "Line",
    "MachineTruth",
    "Model",
    "Observed",
    "Score",
    "adapter_lines",
    "finishes",
    "load_tags",
    "model",
    "readings",
    "sampling",
    "score",
    "sensors",
    "truth",
]
