"""Draw a machine: what it does now, its shift over time, its OEE and where the time went."""

from __future__ import annotations

from datetime import datetime

from engine.console import pareto, waterfall
from engine.console.data import MachineNow, Oee, Scores
from engine.console.icons import icon
from engine.console.locale import Locale
from engine.console.markup import Html, el, join
from engine.console.notices import present
from engine.console.timeline import axis, curve, timeline


def heading(name: str, kind: str, machine: MachineNow | None, now: datetime, say: Locale) -> Html:
    """Return the machine's name, its state since when, and the shift's parts."""
    title = el("h2", name, None if kind == "machine" else el("small", say(f"kind.{kind}")))
    if kind == "rig":
        return el("header", title, class_="machine-head", data_machine=name)
    counted = waterfall.parts(machine.oee, say) if machine and machine.oee else None
    return el("header", title, _state(machine, now, say), counted, class_="machine-head", data_machine=name)


def _state(machine: MachineNow | None, now: datetime, say: Locale) -> Html:
    known, state = present(machine, now)
    pill = el("span", icon(known), say(f"state.{known}"), class_=f"pill pill--{known}", data_state=known)
    if state is None or known != state.state:
        return el("div", pill, class_="doing")
    since = say("state.since", time=say.moment(state.ts, now), duration=say.duration(now - state.ts))
    program = say("state.program", program=state.program) if state.program else None
    words = (since, state.reason, program)
    return el("div", pill, *(el("span", text) for text in words if text), class_="doing")


def shift(kind: str, machine: MachineNow | None, scores: Scores | None, now: datetime, say: Locale) -> Html:
    """Return the states and the anomaly score over the current shift; of a rig the score alone."""
    if kind == "rig":
        return el("div", *_alone(scores, say), class_="anomaly")
    if machine is None:
        return Html("")
    name = machine.oee.shift if machine.oee else None
    title = say("timeline", shift=name) if name else say("timeline.no_shift")
    score = el("div", curve(scores, machine.start, machine.end, say), class_="anomaly")
    return join((el("h3", title), timeline(machine, now, say), score))


def _alone(scores: Scores | None, say: Locale) -> tuple[Html, ...]:
    if scores is None:
        return (el("p", say("anomaly.none"), class_="muted"),)
    return curve(scores, scores.start, scores.end, say), axis(scores.start, scores.end, say)


def ratios(kind: str, machine: MachineNow | None, say: Locale) -> Html:
    """Return OEE of the current shift and its three factors."""
    found = machine.oee if machine else None
    if kind == "rig" or found is None:
        return el("p", say("oee.rig" if kind == "rig" else "oee.none"), class_="muted")
    return waterfall.ratios(found, say)


def losses(kind: str, machine: MachineNow | None, say: Locale) -> Html:
    """Return where the shift's time went."""
    found = machine.oee if machine else None
    if kind == "rig" or found is None:
        return Html("")
    notes = el("p", *_notes(found, say), class_="muted")
    return join((el("h3", say("losses")), waterfall.waterfall(found, say), notes))


def paretos(kind: str, machine: MachineNow | None, say: Locale) -> Html:
    """Return why the machine did not run, and its losses by size."""
    found = machine.oee if machine else None
    if kind == "rig" or machine is None or found is None:
        return Html("")
    return el("div", pareto.stops(machine.stops, say), pareto.losses(found, say), class_="paretos")


def _notes(found: Oee, say: Locale) -> list[Html]:
    notes = [el("span", say("oee.as_of", time=say.date(found.as_of)))]
    if found.ideal_cycle is None:
        notes.append(el("span", say("oee.unknown_cycle")))
    return notes
