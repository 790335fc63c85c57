"""Requests to the real service, from this process."""
