"""A plant whose log is archived has a process for it, and everything that watches a plant knows of it."""

from __future__ import annotations

from pathlib import Path

from cluster.supervise import Supervisor
from engine.console.vitals import Vitals, processes
from engine.overview import unheard
from engine.paths import Home
from engine.plant import Plant

PLANT = Plant.model_validate({"name": "hall", "log": {"archive": "/srv/archive"}})
BARE = Plant.model_validate({"name": "hall"})


def test_the_supervisor_runs_it(tmp_path: Path) -> None:
    with_one, without = (Supervisor(plant, Home(tmp_path)).processes for plant in (PLANT, BARE))
    assert set(with_one) - set(without) == {"archive"}


def test_the_console_and_the_command_line_miss_it_while_it_is_silent(tmp_path: Path) -> None:
    def missed(plant: Plant) -> set[str]:
        return {vital.kind for vital in processes(plant, Vitals(tmp_path))}

    assert missed(PLANT) - missed(BARE) == {"archive"}
    assert {word.process for word in unheard(PLANT, [])} - {word.process for word in unheard(BARE, [])} == {
        "archive line-1"
    }
