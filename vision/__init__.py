"""Frames in, verdicts out: cameras, quality gate, detection, judging and evidence."""
