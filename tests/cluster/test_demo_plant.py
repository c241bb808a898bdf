"""The demo's plant, described without starting it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.demo import build
from engine.paths import Home
from engine.plant import PlantError


@pytest.mark.parametrize(
    ("folders", "says"),
    [
        ([], "welds-pipe/images is missing"),
        (["welds-pipe/images"], "no Mazak03-*.txt.xz in"),
    ],
)
def test_a_folder_that_lacks_recordings_is_one_sentence(
    tmp_path: Path, folders: list[str], says: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(PlantError) as raised:
        build(Home(tmp_path / "home"), tmp_path, speed=60, port=8080)
    assert says in str(raised.value)
