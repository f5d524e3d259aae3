"""Measures Sluice against the floor and against Celery chains: `python -m benchmarks drain --help`."""
