from __future__ import annotations

import json
import stat

from typer.testing import CliRunner

from cluster.commands import load
from streams.connectors.curve import KEY, KeyFileError

RUN = CliRunner()


def test_a_pair_of_keys_is_made_and_shown_again(tmp_path):
    file = tmp_path / "our.key"
    made = RUN.invoke(load(), ["connect", "keys", str(file)])
    public = made.stdout.strip()
    assert KEY.fullmatch(public)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = RUN.invoke(load(), ["connect", "keys", str(file), "--show", "--json"])
    assert json.loads(shown.stdout) == {"file": str(file), "public_key": public}
    again = RUN.invoke(load(), ["connect", "keys", str(file)])
    assert isinstance(again.exception, KeyFileError)
