"""JSON Schema of a scenario file, for editors, from the types that read it."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import TypeAdapter

from authprobe.emulator.config import STRICT
from authprobe.scenario.model import Scenario

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one scenario file."""
    with _described():
        schema = TypeAdapter(Scenario).json_schema()
    return {"$schema": DIALECT} | schema | {"title": "authprobe scenario"}


@contextlib.contextmanager
def _described() -> Iterator[None]:
    """Take the docstrings of fields for descriptions: here only, as finding them is slow."""
    STRICT["use_attribute_docstrings"] = True
    try:
        yield
    finally:
        del STRICT["use_attribute_docstrings"]


def dump_schema() -> str:
    """The schema as the text of `scenarios/schema.json`."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
