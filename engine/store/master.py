"""Master data: what the plant file says of tenant, machines and tags, written at every start."""

from __future__ import annotations

from typing import Any

import structlog
from psycopg.types.json import Jsonb

from engine.plant import Judging, MachineSection, Plant, PlantError, StationSection
from engine.recipe import rules_of, sections_of
from engine.store.embedded import READER
from engine.store.levels import Connection
from streams.catalog import Machine, Shift
from vision.judge import FEATURES
from vision.rules import two_bands

logger = structlog.get_logger(__name__)

TENANT = """
INSERT INTO tenants (id, name) VALUES (%s, %s)
ON CONFLICT (id) DO UPDATE SET name = excluded.name
"""
MACHINE = """
INSERT INTO machines (tenant_id, name, kind, shard, settings) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, name) DO UPDATE
SET kind = excluded.kind, shard = excluded.shard, settings = excluded.settings, in_plant = true
"""
GONE = "UPDATE machines SET in_plant = false WHERE tenant_id = %s AND shard = %s AND name <> ALL(%s)"
USERS = """
INSERT INTO tenant_users (name, tenant_id)
SELECT name, %s FROM unnest(ARRAY[session_user, %s]) AS name
ON CONFLICT DO NOTHING
"""
TAG = """
INSERT INTO tags (tenant_id, machine, name, unit, is_numeric) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, machine, name) DO UPDATE
SET unit = excluded.unit, is_numeric = excluded.is_numeric
"""


def register(connection: Connection, plant: Plant) -> None:
    """Write the plant's machines, stations and tags; what left the plant keeps its history."""
    sections: list[tuple[str, MachineSection | StationSection]] = [
        *(("machine", machine) for machine in plant.machines),
        *(("station", station) for station in plant.stations),
    ]
    known = plant.catalog().machines
    machines = [
        (plant.tenant, section.name, kind, plant.shard, Jsonb(settings(plant, section, machine)))
        for (kind, section), machine in zip(sections, known, strict=True)
    ]
    tags = [
        (plant.tenant, machine.name, tag.name, tag.unit, tag.numeric)
        for machine in known
        for tag in machine.tags
    ]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(TENANT, (plant.tenant, plant.name))
        cursor.execute(USERS, (plant.tenant, READER))
        cursor.executemany(MACHINE, machines)
        cursor.execute(GONE, (plant.tenant, plant.shard, [machine.name for machine in known]))
        cursor.executemany(TAG, tags)


def settings(plant: Plant, section: MachineSection | StationSection, machine: Machine) -> dict[str, Any]:
    """Return what the plant file says of a machine, with its calendar and cycle as the views need them.

    Cameras and PLC are left out: their addresses may hold passwords, and whoever reads may read this.
    """
    told = section.model_dump(mode="json", exclude={"cameras", "handshake", "identity"})
    if isinstance(section, StationSection):
        told["bands"] = bands_of(section, plant)
    return told | {
        "timezone": plant.timezone,
        "calendar": [_shift(shift) for shift in machine.calendar.shifts],
        "ideal_cycle_us": machine.ideal_cycle,
    }


def bands_of(station: StationSection, plant: Plant) -> dict[str, dict[str, list[float]]]:
    """Return a station's review bands by part number and rule; ``score`` is of what no rule governs."""
    return {recipe.part_number: _bands(recipe) for recipe in sections_of(station, plant)}


def _bands(recipe: Judging) -> dict[str, list[float]]:
    """Return a recipe's bands; where its rule set cannot be read here, its own two for everything."""
    usual = two_bands(recipe.review_above, recipe.reject_above, FEATURES, None)
    try:
        rules = rules_of(recipe) or usual
    except PlantError as exc:
        logger.warning("rules_not_registered", recipe=recipe.name, error=str(exc))
        rules = usual
    return {
        rule.name: [rule.review_above, rule.reject_above]
        for rule in (*rules.rules, rules.other)
        if rule.reject_above is not None
    }


def _shift(shift: Shift) -> dict[str, Any]:
    """Return a shift in minutes since the local midnight of its day."""
    return {
        "name": shift.name,
        "start": shift.start,
        "end": shift.end,
        "weekdays": sorted(shift.weekdays),
        "breaks": shift.breaks,
    }
