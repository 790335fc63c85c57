"""JSON Schema of a scenario file, for editors, generated from its types."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from authprobe.core.json_schema import published
from authprobe.documents.constraints import STRICT
from authprobe.scenario.model import Scenario


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a scenario file."""
    with _field_descriptions():
        schema = TypeAdapter(Scenario).json_schema()
    return published(schema, file="scenarios/schema.json", title="authprobe scenario")


@contextlib.contextmanager
def _field_descriptions() -> Iterator[None]:
    """Use the docstrings of fields as descriptions: only here, as reading them is slow."""
    STRICT["use_attribute_docstrings"] = True
    try:
        yield
    finally:
        del STRICT["use_attribute_docstrings"]


def dump_schema() -> str:
    """Return the schema as the text of `scenarios/schema.json`."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
