"""Connectors: one file a protocol; each turns what a machine says into readings and rejects."""
