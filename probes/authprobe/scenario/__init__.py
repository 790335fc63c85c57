"""Scenarios: what we claim, as data."""
