"""The tutorial is true: its commands are run as they stand, with rendered parts for the box of parts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.demo import free_port
from cluster.testing import counts, running, wait_for
from engine.store.database import connect
from engine.store.embedded import READER, Embedded
from vision import pictures
from vision.simulate import PartRenderer

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]
PLANT_FILE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SEAMLINE = str(Path(sys.executable).with_name("seamline"))
GOOD = 20


def photograph(folder: Path, parts: range, flawed: bool) -> None:
    """Put pictures of sound or of flawed parts into a folder."""
    renderer = PartRenderer(seed=5, flaw_rate=1.0 if flawed else 0.0)
    folder.mkdir(parents=True, exist_ok=True)
    for index in parts:
        kind = "flawed" if flawed else "sound"
        (folder / f"{kind}-{index}.jpg").write_bytes(pictures.encode_jpeg(renderer.render(index).image))


def burn(good: Path, bad: Path) -> None:
    """Put pictures of the same parts with a burnt corner into another folder."""
    bad.mkdir()
    for file in good.iterdir():
        image, _ = pictures.decode(file.read_bytes())
        assert image is not None
        burnt = image.copy()
        burnt[20:90, 20:120] = (10, 40, 250)
        (bad / file.name).write_bytes(pictures.encode_jpeg(burnt))


@pytest.mark.timeout(600)
def test_from_a_box_of_parts_to_a_first_verdict(database_folder) -> None:
    place = database_folder()
    home, box, port = place / "home", place / "parts", free_port()
    photograph(place / "good", range(GOOD), flawed=False)
    photograph(place / "proof" / "good", range(300, 305), flawed=False)
    burn(place / "proof" / "good", place / "proof" / "bad")
    photograph(box, range(100, 105), flawed=False)
    photograph(box, range(200, 205), flawed=True)
    (plant_file,) = PLANT_FILE
    named = plant_file.replace("/srv/seamline/parts", str(box))
    (place / "bracket.yaml").write_text(f"{named}\nconsole: {{port: {port}}}\n", encoding="utf-8")
    *first, run = COMMANDS
    for command in first:
        told = {**os.environ, "SEAMLINE_HOME": str(home), "SEAMLINE_KEYS": str(place / "keys")}
        subprocess.run([SEAMLINE, *command[1:]], cwd=place, env=told, check=True)

    assert run == ["seamline", "run", "bracket.yaml"]
    with running([SEAMLINE, *run[1:], "--json"], home, "line-1", port, folder=place) as plant:
        wait_for(lambda: plant.verdicts() >= len(list(box.iterdir())))
        with connect(Embedded(home / "pg").dsn(READER)) as connection:
            rows = connection.execute("SELECT serial, outcome FROM verdicts ORDER BY serial").fetchall()
        page = plant.get(f"/part/{rows[0][0]}")
        said, errors = plant.interrupt()
    assert {outcome for _, outcome in rows} <= {"OK", "REVIEW"}
    assert any(outcome == "REVIEW" for serial, outcome in rows if serial.startswith("flawed"))
    assert any(outcome == "OK" for serial, outcome in rows if serial.startswith("sound"))
    assert rows[0][0] in page
    assert counts(said)["frames_unaccounted"] == 0, errors
