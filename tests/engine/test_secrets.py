from __future__ import annotations

import pytest
from pydantic import ValidationError

from engine.backup.secrets import without_secrets
from engine.plant.secrets import SecretError, SecretSection


def test_a_secret_is_read_from_its_variable(monkeypatch):
    monkeypatch.setenv("PRESS_PASSWORD", "hunter2")
    assert SecretSection(env="PRESS_PASSWORD").read() == "hunter2"


def test_a_secret_is_read_from_its_file_without_the_end_of_its_line(tmp_path):
    file = tmp_path / "secret"
    file.write_text(" hunter 2 \n")
    assert SecretSection(file=file).read() == " hunter 2 "


def test_a_secret_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("PRESS_PASSWORD", raising=False)
    with pytest.raises(SecretError, match="PRESS_PASSWORD is not set; put the secret into it"):
        SecretSection(env="PRESS_PASSWORD").read()
    with pytest.raises(SecretError, match="cannot be read"):
        SecretSection(file=tmp_path / "none").read()
    (tmp_path / "odd").write_bytes(b"\xff")
    with pytest.raises(SecretError, match="cannot be read"):
        SecretSection(file=tmp_path / "odd").read()


@pytest.mark.parametrize("kept", [{}, {"env": "A", "file": "b"}])
def test_a_secret_is_kept_in_one_place(kept):
    with pytest.raises(ValidationError, match="kept in one place"):
        SecretSection(**kept)


def test_a_backup_keeps_where_a_secret_is():
    kept = {"password": {"env": "PRESS_PASSWORD", "file": None}}
    assert without_secrets(kept) == kept
