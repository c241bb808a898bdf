"""No secret is said, whoever quotes it."""

from __future__ import annotations

import doctest

import psycopg
import pytest

from engine import redact
from engine.redact import LONGEST, Redactor, known
from engine.store.database import connect
from engine.store.errors import StoreError

PASSWORDS = ["hunter2", "p@ss word", "50%off", "a/b?c#d", "it's", 'quo"te', "密码123"]


def test_the_examples() -> None:
    assert doctest.testmod(redact).failed == 0


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_is_found_however_it_is_spelled(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv("SEAMLINE_DSN", psycopg.conninfo.make_conninfo("host=db user=ann", password=password))
    hide = known()
    for spelling in redact.spellings(password):
        said = f"no pg_hba entry for {spelling}: tried postgresql://ann:{spelling}@db/plant"
        assert spelling not in hide.text(said)


@pytest.mark.parametrize("dsn", ["postgresql://ann:50%off@db/plant", "host=db password=50%off ann"])
def test_a_dsn_that_libpq_refuses_keeps_its_password(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("SEAMLINE_DSN", dsn)
    with pytest.raises(psycopg.ProgrammingError) as refused:
        psycopg.conninfo.conninfo_to_dict(dsn)
    assert "50%off" in str(refused.value) or "ann" in str(refused.value)
    assert "50%off" not in known().text(str(refused.value))
    with pytest.raises(StoreError) as told:
        connect(dsn)
    assert "off" not in str(told.value)
    assert told.value.__cause__ is None


def test_values_become_plain_json() -> None:
    hide = Redactor(["hunter2"])
    given = {"why": ValueError("hunter2"), "parts": ("hunter2", 1, None), "nan": float("nan"), "ok": True}
    assert hide.value(given) == {"why": "***", "parts": ["***", 1, None], "nan": "nan", "ok": True}


def test_a_process_without_a_secret_says_all() -> None:
    assert Redactor([""]).text("tcp://127.0.0.1:5555 answers") == "tcp://127.0.0.1:5555 answers"


def test_a_long_text_keeps_both_ends() -> None:
    said = Redactor().text(f"begin{'x' * 10 * LONGEST}end")
    assert len(said) < LONGEST + 10
    assert said.startswith("begin")
    assert said.endswith("end")
