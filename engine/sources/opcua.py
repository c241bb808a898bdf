"""An OPC UA server."""

from __future__ import annotations

from engine.plant import OpcUaSource, Plant
from engine.plant.sources.opcua import OpcUaSecurity
from engine.sources.bound import bound
from streams.connectors.opcua import OpcUaConnector
from streams.connectors.opcua_client import Security, Server
from streams.connectors.opcua_session import Pace
from streams.connectors.points import Binding


def build(source: OpcUaSource, plant: Plant) -> OpcUaConnector:
    """Return its connector."""
    points, contact = bound(source.points, plant)
    pace = Pace(source.sampling_ms, source.publishing_ms, source.queue)
    return OpcUaConnector(server(source), Binding(points), contact, plant.clock(), pace)


def server(source: OpcUaSource) -> Server:
    """Return the server; its secrets are read when they are needed."""
    password = source.password.read if source.password else None
    security = secured(source.security) if source.security else None
    return Server(source.endpoint, security, source.user, password, source.timeout_s)


def secured(section: OpcUaSecurity) -> Security:
    """Return how a server is spoken to."""
    password = section.key_password.read if section.key_password else None
    files = (section.certificate, section.key, section.server_certificate)
    return Security(section.policy, section.mode, *files, password)
