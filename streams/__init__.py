"""Readings in, windows, states, OEE and anomalies out: connectors, the durable log, operators, the flow."""
