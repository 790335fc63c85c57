"""Dialect and addresses of the JSON Schemas that the project publishes."""

from typing import Any, Final

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILES: Final = "https://raw.githubusercontent.com/OWNER/authprobe/main"
"""Address below which the files of the project are served."""


def published(schema: dict[str, Any], *, file: str, title: str) -> dict[str, Any]:
    """Return a schema with its dialect, its title, and its address as `$id`.

    `file` is its path in the project.
    """
    return {"$schema": DIALECT, "$id": f"{FILES}/{file}"} | schema | {"title": title}
