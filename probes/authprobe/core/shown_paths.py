"""Paths as reports show them."""

from pathlib import Path


def display_path(path: Path) -> str:
    """Return a path for a report, without the local parent directories."""
    displayed = path.as_posix() if not path.is_absolute() else f".../{path.name}"
    return displayed.encode("utf-8", "replace").decode()
