"""Devices to test connectors against: real servers of their protocols, in a thread each."""
