"""Operators: one file each, two verbs, `update` and `snapshot`/`restore`."""
