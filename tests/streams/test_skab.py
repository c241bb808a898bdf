"""The scorer of the anomaly benchmark against the figures that others published."""

import os
from pathlib import Path

import numpy as np
import pytest

from bench.anomalies import experiments, figures, published

DATA = os.environ.get("SEAMLINE_DATA", "")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA names no folder with skab"),
]


@pytest.fixture(scope="module")
def folder():
    return Path(DATA) / "skab"


@pytest.fixture(scope="module")
def judged(folder):
    return experiments(folder)


@pytest.mark.parametrize(
    ("name", "f1", "far", "mar"), [("Conv_AE", 0.78, 13.55, 28.02), ("T2-q", 0.76, 26.62, 24.92)]
)
def test_published_alarms_count_as_published(folder, judged, name, f1, far, mar):
    found = published(folder, name, judged)
    assert round(found["f1"], 2) == f1
    assert (found["far"], found["mar"]) == (far, mar)


def test_an_alarm_that_is_always_on_looks_good_by_f1_alone(judged):
    anomalous = np.concatenate([one.anomalous[400:] for one in judged])
    found = figures(anomalous, np.ones_like(anomalous))
    assert found == {"f1": 0.698, "far": 100.0, "mar": 0.0}


def test_the_score_tells_more_than_chance(judged):
    some = judged[::9]
    anomalous = np.concatenate([one.anomalous[400:] for one in some])
    found = figures(anomalous, np.concatenate([one.alarms()[400:] for one in some]))
    assert found["far"] + found["mar"] < 60
