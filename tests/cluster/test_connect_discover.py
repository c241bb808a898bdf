"""What a device offers, on the command line: YAML that is a plant, JSON for machines, one sentence if not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncua import ua

from streams.peers.opcua import NAMESPACE, OpcUaPeer, identity

Command = Callable[..., Any]


def test_what_a_server_offers_is_a_part_of_a_plant_file(seamline: Command, tmp_path: Path) -> None:
    with OpcUaPeer() as peer:
        peer.set("Press.Force", 1.5)
        peer.set("Press.Profile", [1.0, 2.0])
        words = ("connect", "discover", "opcua", f"endpoint={peer.endpoint}", "name=press")
        shown, told = seamline(*words), seamline(*words, "--json")
    assert "1 values of 1 machines, 1 left out." in shown.words
    assert f"#   nsu={NAMESPACE};s=Press.Profile\n" in shown.out
    plant = tmp_path / "plant.yaml"
    plant.write_text(f"name: Hall\n{shown.out}", encoding="utf-8")
    assert seamline("plant", "check", plant, "--json").json == {"ok": True, "faults": []}
    assert told.json["machines"] == [{"name": "Press", "tags": [{"name": "Force"}]}]
    assert told.json["left_out"] == [{"address": f"nsu={NAMESPACE};s=Press.Profile", "why": "an array"}]


def test_a_device_that_cannot_be_looked_at_is_one_sentence(seamline: Command) -> None:
    ended = seamline("connect", "discover", "opcua", "endpoint=opc.tcp://127.0.0.1:1", "--json")
    said = "The OPC UA server at opc.tcp://127.0.0.1:1 does not answer: Connection refused."
    assert (ended.code, ended.json, ended.words) == (2, {"error": said}, said)


def test_the_certificate_that_a_server_shows_is_kept_to_be_compared(
    seamline: Command, tmp_path: Path
) -> None:
    press, kept = identity(tmp_path, "press"), tmp_path / "kept.der"
    with OpcUaPeer([ua.SecurityPolicyType.Basic256Sha256_Sign], press) as peer:
        told = seamline("connect", "certificate", peer.endpoint, kept, "--json").json
        again = seamline("connect", "certificate", peer.endpoint, kept)
    assert kept.read_bytes() == press.certificate.read_bytes()
    assert told["sha256"] == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert "Basic256Sha256 Sign" in told["offers"]
    assert (again.code, again.words) == (2, f"The file {kept} cannot be made: File exists; name another.")


def test_a_server_without_a_certificate_has_none_to_keep(seamline: Command, tmp_path: Path) -> None:
    with OpcUaPeer() as peer:
        ended = seamline("connect", "certificate", peer.endpoint, tmp_path / "kept.der")
    assert ended.code == 2
    assert "shows no certificate; it offers no security." in ended.words
    assert not (tmp_path / "kept.der").exists()
