"""Measurements of whole commands; `bench.py` is the one to start."""
