"""A shipped export gives back what it was made of: each convolution with its kernel and bias."""

import numpy as np

from vision import registry
from vision.trainable import folded


def test_an_export_gives_back_its_convolutions():
    model = registry.find("weld-pipe")
    found = {name: (kernel, bias) for name, kernel, bias in folded(model.folder)}
    assert len(found) == 88
    kernel, bias = found["model.0.conv"]
    assert kernel.shape == (16, 3, 3, 3)
    assert bias.shape == (16,)
    assert np.abs(kernel).max() > 0
    assert found["model.23.cv3.0.2"][1].shape == (len(model.classes),)
