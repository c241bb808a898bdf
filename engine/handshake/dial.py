"""Connect to the PLC that a plant file names, whatever its protocol."""

from __future__ import annotations

from collections import defaultdict

from engine.handshake.abc import Plc
from engine.handshake.memory import MemoryPlc, Wiring
from engine.plant import Handshake, ModbusHandshake, OpcUaHandshake, S7Handshake
from streams.connectors.modbus_places import BIT_TABLES, LIMITS, WRITABLE
from streams.connectors.s7_places import AT_ONCE


def dial(section: Handshake) -> Plc:
    """Connect; libraries are loaded only where they are used.

    Raises
    ------
    Lost, Refused, OSError
        The PLC cannot be reached, or has no such signals.
    SecretError
        A password is not where the plant file says.
    """
    match section:
        case ModbusHandshake():
            return _modbus(section)
        case S7Handshake():
            return _s7(section)
        case OpcUaHandshake():
            return _opcua(section)


def place_of(section: Handshake) -> str:
    """Return what sentences call the PLC."""
    if isinstance(section, OpcUaHandshake):
        return f"The PLC at {section.endpoint}"
    return f"The PLC at {section.host}:{section.port}"


def _modbus(section: ModbusHandshake) -> Plc:
    from streams.connectors.modbus import ModbusLink

    widths = {area: 1 if area in BIT_TABLES else 2 for area in LIMITS}
    asks, answers = section.places(section.asks), section.places(section.answers)
    wiring = Wiring(asks, answers, LIMITS | WRITABLE, widths)
    return MemoryPlc(ModbusLink(section.host, section.port, section.unit, section.timeout_s), wiring)


def _s7(section: S7Handshake) -> Plc:
    from streams.connectors.s7 import S7Link

    asks, answers = section.places(section.asks), section.places(section.answers)
    wiring = Wiring(asks, answers, defaultdict(lambda: AT_ONCE), defaultdict(lambda: 1))
    link = S7Link(section.host, section.port, section.rack, section.slot, section.timeout_s)
    return MemoryPlc(link, wiring)


def _opcua(section: OpcUaHandshake) -> Plc:
    from engine.handshake.opcua import OpcUaPlc
    from engine.sources.opcua import secured
    from streams.connectors.opcua_client import Server

    security = secured(section.security) if section.security else None
    password = section.password.read if section.password else None
    server = Server(section.endpoint, security, section.user, password, section.timeout_s)
    return OpcUaPlc(server, section.nodes(section.asks), section.nodes(section.answers))
