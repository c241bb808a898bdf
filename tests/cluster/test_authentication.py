"""Ray's ports are not on loopback only: nobody may use them without the token."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import cluster.supervise
from ray._raylet import AuthenticationMode, get_authentication_mode
print(get_authentication_mode() == AuthenticationMode.TOKEN)
"""


@pytest.mark.parametrize("mode", ["", "disabled"])
def test_ray_asks_for_its_token_whatever_the_environment_says(mode: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "RAY_AUTH_MODE"}
    if mode:
        environment["RAY_AUTH_MODE"] = mode
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True"]
