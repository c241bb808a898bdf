"""An OPC UA server in the plant file: what is refused there, and where its secrets come from."""

from __future__ import annotations

import threading

import pytest
from asyncua import ua

from engine.plant import PlantError
from engine.plant.file import parse
from engine.plant.secrets import SecretError
from engine.sources import build_connector
from engine.sources.opcua import server
from streams.peers.opcua import NAMESPACE, OpcUaPeer, identity
from streams.testing import MemoryOutlet, running

PLANT = """
name: Hall 3
machines:
  - name: press
    tags: [{name: force, unit: kN}]
sources:
  - kind: opcua
    name: press
    endpoint: ENDPOINT
    security: {certificate: FOLDER/gateway.der, key: FOLDER/gateway.pem, server_certificate: FOLDER/press.der}
    user: ann
    password: {env: PRESS_PASSWORD}
    points:
      - {address: "nsu=NAMESPACE;s=Press.Force", machine: press, tag: force, scale: 0.001}
"""


def plant(endpoint="opc.tcp://10.0.0.5:4840", folder="/etc/seamline"):
    text = PLANT.replace("ENDPOINT", endpoint).replace("FOLDER", str(folder)).replace("NAMESPACE", NAMESPACE)
    return parse(text, "hall.yaml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("opc.tcp://10", "http://10", "is no OPC UA server; write it like opc.tcp://10.0.0.5:4840."),
        ("//10", "//ann:hunter2@10", "no user stands in an address; write user: and password: below it."),
        (
            "{env: PRESS_PASSWORD}",
            "hunter2",
            "password: no secret stands in a plant file; write {env: NAME}",
        ),
        ("    user: ann\n", "", "a password needs a user; write user: beside it."),
        ("s=Press", "x=Press", "is no OPC UA address; write it like nsu=urn:press;s=Force."),
        ("scale: 0.001", "scale: 0", "a scale of 0 makes every value the same"),
        ("scale: 0.001", "unit: N", "force of press is in kN; scale the point to it."),
    ],
)
def test_what_would_not_work_is_refused(monkeypatch, old, new, says):
    text = PLANT.replace("ENDPOINT", "opc.tcp://10.0.0.5:4840")
    assert old in text
    monkeypatch.setattr(f"{__name__}.PLANT", text.replace(old, new))
    with pytest.raises(PlantError) as refused:
        plant()
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert len(refused.value.faults) == 1


def test_a_secret_is_looked_for_when_it_is_needed(monkeypatch):
    monkeypatch.delenv("PRESS_PASSWORD", raising=False)
    described = plant()
    connector = build_connector(described.sources[0], described)
    with pytest.raises(SecretError, match="PRESS_PASSWORD is not set"):
        connector.run(MemoryOutlet(), threading.Event())
    monkeypatch.setenv("PRESS_PASSWORD", "hunter2")
    assert server(described.sources[0]).password() == "hunter2"


def test_a_plant_reads_a_secured_server(monkeypatch, tmp_path):
    monkeypatch.setenv("PRESS_PASSWORD", "hunter2")
    press, _ = (identity(tmp_path, name) for name in ("press", "gateway"))
    with OpcUaPeer([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt], press, "ann", "hunter2") as peer:
        peer.set("Press.Force", 1500.0)
        described, outlet = plant(peer.endpoint, tmp_path), MemoryOutlet()
        connector = build_connector(described.sources[0], described)
        with running(lambda stop: connector.run(outlet, stop)):
            outlet.wait_for(lambda outlet: outlet.rows())
    assert outlet.rows()[0][::2] == ("force", 1.5)
