"""The plant file as JSON Schema, for editors that complete and check it while one writes."""

from __future__ import annotations

from typing import Any

from engine.plant.plant import Plant

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the plant file."""
    return {"$schema": DIALECT, **Plant.model_json_schema(), "title": "Seamline plant file"}
