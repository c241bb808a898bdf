"""Connectors as the plant file asks for them: one module for each kind of source, imported when there is one.

A module named like the source's ``kind`` has ``build(source, plant)``, which returns the connector.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.plant import Plant, Source
    from streams.connectors.abc import Connector


def build_connector(source: Source, plant: Plant) -> Connector:
    """Return the connector that a source of the plant file asks for."""
    connector: Connector = import_module(f"engine.sources.{source.kind}").build(source, plant)
    return connector
