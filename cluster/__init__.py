"""Seamline on Ray: actors, supervision and the command line."""
