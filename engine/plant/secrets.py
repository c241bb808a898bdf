"""Secrets of the plant file: it never holds one, only where it is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from engine.plant.section import Section


class SecretError(Exception):
    """A secret is not where the plant file says; the message says what to do."""


class SecretSection(Section):
    """Where a secret is kept: in a variable of the environment, or in a file; never here."""

    env: str = ""
    """The variable of the environment that holds it."""
    file: Path | None = None
    """The file that holds it, and nothing else; the end of its line is not part of it."""

    @model_validator(mode="before")
    @classmethod
    def _kept_elsewhere(cls, written: Any) -> Any:
        if not isinstance(written, dict | SecretSection):  # never repeated: it may be the secret itself
            raise ValueError("no secret stands in a plant file; write {env: NAME} or {file: PATH}")
        return written

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.env) == bool(self.file):
            raise ValueError("a secret is kept in one place; write env: or file:")
        return self

    def read(self) -> str:
        """Return the secret.

        Raises
        ------
        SecretError
            It is not there.
        """
        if self.file is None:
            return self._variable()
        try:
            return self.file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            raise SecretError(f"The secret in {self.file} cannot be read: {exc}.") from exc

    def _variable(self) -> str:
        if not (found := os.environ.get(self.env)):
            raise SecretError(f"The variable {self.env} is not set; put the secret into it.")
        return found
