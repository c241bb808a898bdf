from __future__ import annotations

import pytest

from cluster.supervise import Supervisor
from engine.paths import Home
from engine.plant import LogSection, Plant, ServeSection


class Actors:
    """Ray's way to make actors, which only notes whom it was asked for."""

    def __init__(self):
        self.asked = []

    def remote(self, *words, **_):
        if words:
            self.asked.append(words[1])
        return self

    def __call__(self, _):
        return self


@pytest.mark.parametrize(("flow", "started"), [("here", ["line-1"]), ("elsewhere", [])])
def test_a_node_whose_shard_runs_elsewhere_starts_none(tmp_path, monkeypatch, flow, started):
    actors = Actors()
    monkeypatch.setattr("cluster.supervise.start_ray", lambda: None)
    monkeypatch.setattr("cluster.supervise.ray.remote", actors.remote)
    serve = ServeSection(endpoint="tcp://127.0.0.1:5560", flow=flow)
    Supervisor(Plant(name="p", log=LogSection(serve=serve)), Home(tmp_path))._start_actors()
    assert actors.asked == started
