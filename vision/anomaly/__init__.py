"""Anomalies: a memory of how good parts look, and how far a picture is from all of it.

A backbone (weights of ImageNet, `network`) turns a picture into a vector for each of its cells. A bank
keeps the vectors of good parts that stand for all others (`coreset`, `fit`). A cell's anomaly is the
distance to the nearest vector of the bank; a picture's is the highest of its smoothed map (`maps`).
This is PatchCore (Roth et al. 2022) without its reweighting of scores.
"""

from vision.anomaly.bank import Bank, find, load
from vision.anomaly.scorer import AnomalyDetector

__all__ = ["AnomalyDetector", "Bank", "find", "load"]
