"""Master data: what the plant file says of tenant, machines and tags, written at every start."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from engine.plant import MachineSection, Plant, StationSection
from engine.store.embedded import READER
from engine.store.levels import Connection
from streams.catalog import Machine, Shift

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
    return section.model_dump(mode="json", exclude={"cameras", "handshake", "identity"}) | {
        "timezone": plant.timezone,
        "calendar": [_shift(shift) for shift in machine.calendar.shifts],
        "ideal_cycle_us": machine.ideal_cycle,
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
