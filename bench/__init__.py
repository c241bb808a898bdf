"""Benchmarks against peers; never imported by the product."""
