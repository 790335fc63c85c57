"""Requests to the real service: bounded in number and size, with no redirect and no retry."""
