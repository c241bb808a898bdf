"""``seamline doctor``: what this machine lacks."""

from __future__ import annotations

import json

import typer

from cluster.commands import app
from cluster.terminal import Json, screen


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check that this machine can run Seamline, and say what to mend."""
    from cluster.doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps({finding.name: {"ok": finding.ok, "says": finding.says} for finding in findings}))
    else:
        for finding in findings:
            screen.print(
                f"{'[green]ok  [/green]' if finding.ok else '[red]bad [/red]'} {finding.name}: {finding.says}"
            )
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)
