"""Take secrets out of what is said: passwords by their value, whoever quotes them, and users of addresses."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

VARIABLES = ("SEAMLINE_DSN", "SEAMLINE_READER_DSN")
"""Variables that hold a DSN; libpq reads a password from ``PGPASSWORD``, too."""
HIDDEN = "***"
LONGEST = 8_000
"""Characters of one text that are kept, half of them from its end: a traceback says there what happened."""

USER_INFO = re.compile(r"(?<=://)[^\s'\"<>]*@")
KEYWORD = re.compile(r"\b(user|password|sslpassword)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s'\"&]+)")
PASSWORD_OF_ADDRESS = re.compile(r"://[^:@/]*:(.*)@")


class Redactor:
    """Replace secrets in texts.

    Parameters
    ----------
    secrets
        Passwords, as they are; however they are quoted in an address, they are found.

    Examples
    --------
    >>> hide = Redactor(["hunter2"])
    >>> hide.text('connecting to postgresql://ann:hunter2@db/plant failed: wrong "hunter2"')
    'connecting to postgresql://***@db/plant failed: wrong "***"'
    >>> hide.text("host=db user=ann password='a b' dbname=plant")
    'host=db user=*** password=*** dbname=plant'
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelled = {spelling for secret in secrets for spelling in spellings(secret)}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def text(self, text: str) -> str:
        """Return a text without secrets, shortened in the middle where it is very long."""
        text = self._secrets.sub(HIDDEN, text)
        text = KEYWORD.sub(rf"\1={HIDDEN}", USER_INFO.sub(f"{HIDDEN}@", text))
        return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"

    def value(self, value: Any) -> Any:
        """Return a value without secrets, as plain JSON: what is no number, list or mapping becomes text."""
        if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return self.text(str(value))


def known() -> Redactor:
    """Return a redactor of the secrets that this process was given."""
    given = [secret for name in VARIABLES for secret in passwords(os.environ.get(name, ""))]
    return Redactor([*given, os.environ.get("PGPASSWORD", "")])


def passwords(dsn: str) -> Iterator[str]:
    """Return what may be the password of a DSN, also of one that libpq does not understand.

    >>> sorted(set(passwords("postgresql://ann:a%20b@db/plant")))
    ['a b', 'a%20b']
    """
    yield from PASSWORD_OF_ADDRESS.findall(dsn)
    yield from (value.strip("'") for name, value in KEYWORD.findall(dsn) if name != "user")
    try:
        fields = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return
    yield from (str(fields[name]) for name in ("password", "sslpassword") if fields.get(name))


def spellings(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, or quoted in an address."""
    plain = unquote(secret)
    return {secret, plain, quote(plain, safe=""), quote(plain), quote_plus(plain)} - {""}
