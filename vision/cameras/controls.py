"""What a USB camera can be told by hand (V4L2, through OpenCV), so that it decides nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

import cv2


class Control(NamedTuple):
    """A control of a device."""

    key: int
    steps: float
    """Of the device in one unit of ours."""
    automatic: int | None = None
    """What lets the device choose by itself."""
    by_hand: float = 0.0
    """What ends that."""


CONTROLS = {
    "exposure_ms": Control(cv2.CAP_PROP_EXPOSURE, 10.0, cv2.CAP_PROP_AUTO_EXPOSURE, 1.0),
    "gain": Control(cv2.CAP_PROP_GAIN, 1.0),
    "brightness": Control(cv2.CAP_PROP_BRIGHTNESS, 1.0),
    "white_balance_k": Control(cv2.CAP_PROP_WB_TEMPERATURE, 1.0, cv2.CAP_PROP_AUTO_WB),
    "focus": Control(cv2.CAP_PROP_FOCUS, 1.0, cv2.CAP_PROP_AUTOFOCUS),
}
"""Milliseconds, kelvins, and steps of the device's own."""


def apply(capture: cv2.VideoCapture, settings: Mapping[str, float | str]) -> None:
    """Set controls of an open device.

    Raises
    ------
    ValueError
        There is no such control, or the device does not take the value; the message says what it has instead.
    """
    for name, value in settings.items():
        if name not in CONTROLS:
            near = get_close_matches(name, CONTROLS, 1) or sorted(CONTROLS)
            raise ValueError(f"a USB camera has no {name}; say {' or '.join(near)}")
        if isinstance(value, str):
            raise ValueError(f"{name} cannot be {value}; it is a number")
        control = CONTROLS[name]
        if control.automatic is not None:
            capture.set(control.automatic, control.by_hand)
        capture.set(control.key, value * control.steps)
        if abs((has := capture.get(control.key)) - value * control.steps) > 1:
            raise ValueError(f"{name} cannot be {value:g}, it stays {has / control.steps:g}")
