"""Master data: what the plant file says of tenant, machines and tags, written at every start."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from engine.plant import MachineSection, Plant, StationSection
from engine.store.levels import Connection

TENANT = """
INSERT INTO tenants (id, name) VALUES (%s, %s)
ON CONFLICT (id) DO UPDATE SET name = excluded.name
"""
MACHINE = """
INSERT INTO machines (tenant_id, name, kind, shard, settings) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, name) DO UPDATE
SET kind = excluded.kind, shard = excluded.shard, settings = excluded.settings
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
    machines = [
        (plant.tenant, section.name, kind, plant.shard, Jsonb(section.model_dump(mode="json")))
        for kind, section in sections
    ]
    tags = [
        (plant.tenant, machine.name, tag.name, tag.unit, tag.numeric)
        for machine in plant.catalog().machines
        for tag in machine.tags
    ]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(TENANT, (plant.tenant, plant.name))
        cursor.executemany(MACHINE, machines)
        cursor.executemany(TAG, tags)
