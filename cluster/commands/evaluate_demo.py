"""``seamline evaluate demo``: what escapes the demo's station, and how right it is about its machines."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cluster.commands import evaluate
from cluster.terminal import Json, screen


@evaluate.command("demo")
def evaluate_demo(
    parts: Annotated[int, typer.Option(min=1, max=100_000, help="How many held-out parts to judge.")] = 2000,
    running: Annotated[
        bool, typer.Option("--running", help="Judge by what the demo of this home has committed so far.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Lay verdicts on simulated parts, and what is said of running machines, beside what is true."""
    found = of_running() if running else of_held_out(parts)
    if as_json:
        print(json.dumps(found))
    else:
        show(found)


def of_running() -> dict[str, Any]:
    """Return the figures of what is in the database, of parts and of machines."""
    from dataclasses import asdict

    from cluster.demo_station import STATION
    from cluster.proof import prove_running
    from engine.machine_score import machine_scores
    from engine.paths import Home
    from engine.plant import load
    from engine.store.database import open_database, reader_dsn

    home = Home.default()
    with open_database(home) as dsn:
        machines = machine_scores(load(home.plant_file), reader_dsn(dsn))
        found = prove_running(reader_dsn(dsn), STATION)
    rows = [asdict(one) | {"false_alarms_per_day": one.false_alarms_per_day} for one in machines]
    return found | {"machines": rows}


def of_held_out(parts: int) -> dict[str, Any]:
    """Return the figures of held-out parts, with a progress bar."""
    from rich.progress import Progress

    from cluster.demo_station import simulated_station
    from cluster.proof import prove
    from engine.paths import Home

    with Progress(console=screen, transient=True) as progress:
        task = progress.add_task("Judging held-out parts", total=parts)
        return prove(Home.default(), simulated_station(), parts, lambda: progress.advance(task))


def show(found: dict[str, Any]) -> None:
    """Print the figures for people."""
    from rich.table import Table

    table = Table(box=None, header_style="dim")
    for name in ("kind of flaw", "parts", "OK", "REVIEW", "NG", "escapes at most (95 %)"):
        table.add_column(name, justify="left" if name == "kind of flaw" else "right")
    for kind, row in found["kinds"].items():
        cells = (row["parts"], row["escaped"], row["review"], row["rejected"], f"{row['escape_upper95']:.2%}")
        table.add_row(kind, *map(str, cells))
    screen.print(table)
    for line in [*sentences(found), *map(machine_sentence, found.get("machines", ()))]:
        screen.print(line, highlight=False)


def sentences(found: dict[str, Any]) -> list[str]:
    """Say the totals in words."""
    said = [
        f"{found['parts']:,} parts, {found['defective']:,} of them defective.",
        f"Escapes: {found['escaped']} of {found['defective']:,} defective parts were judged OK"
        f" ({found['escape_rate']:.2%}, with 95 % confidence under {found['escape_upper95']:.2%}).",
        f"Overkill: {found['overkill']} of {found['sound']:,} sound parts were judged NG"
        f" ({found['overkill_rate']:.2%}, under {found['overkill_upper95']:.2%}).",
        f"Review: {found['review_rate']:.2%} of all parts, {found['review_rate_sound']:.2%} of sound ones.",
    ]
    if "lazy_escape_rate" in found:
        said.append(
            f"Comparing with the mean picture of sound parts: escapes {found['lazy_escape_rate']:.2%},"
            f" overkill {found['lazy_overkill_rate']:.2%}."
        )
    if "calibration" in found:
        said.append(f"A part's worst score is off by {found['calibration']['ece']:.2f} on average.")
    return said


def machine_sentence(row: dict[str, Any]) -> str:
    """Say of one machine how right the chain was."""
    off = [
        abs(shift["said"] - shift["true"])
        for shift in row["shifts"]
        if None not in (shift["said"], shift["true"])
    ]
    leads = ", ".join(f"{lead:.0f} min" for lead in row["leads_min"]) or "none yet"
    return (
        f"{row['machine']}: states wrong for {row['states_wrong_s']:.0f} s and unknown for"
        f" {row['states_unknown_s']:.0f} s of {row['days'] * 24:.1f} h; OEE without quality off by"
        f" {max(off, default=0):.2%} at most; runs {row['runs_said']} of {row['runs_true']};"
        f" alarms before a failure: {leads}, missed {row['missed']},"
        f" false {row['false_alarms_per_day']:.1f} a day."
    )
