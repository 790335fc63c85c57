"""Addresses of the published schemas, and the catalog by which editors find that of scenarios."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from authprobe.configuration.files import OWN_NAME
from authprobe.configuration.schema import config_schema
from authprobe.plugin import SUFFIXES
from authprobe.scenario.load import load_files
from authprobe.scenario.schema import scenario_schema
from tests.support.command import PROJECT

ADDRESS = "https://raw.githubusercontent.com/OWNER/authprobe/main/"
SCHEMAS = sorted([*PROJECT.glob("docs/**/*schema.json"), PROJECT / "scenarios" / "schema.json"])
HTTPS = {"type": "string", "pattern": "^https://"}
CATALOG = {
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema", "version", "schemas"],
    "properties": {
        "$schema": {"const": "https://json.schemastore.org/schema-catalog.json"},
        "version": {"type": "number"},
        "schemas": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "description", "url"],
                "properties": {
                    "name": {"type": "string"},
                    "description": {"type": "string"},
                    "fileMatch": {
                        "type": "array",
                        "items": {"type": "string"},
                        "uniqueItems": True,
                    },
                    "url": HTTPS,
                    "versions": {"type": "object", "additionalProperties": HTTPS},
                },
            },
        },
    },
}
"""What https://json.schemastore.org/schema-catalog.json asks of a catalog."""


def read(path: Path) -> Any:
    """Return the content of a file of JSON."""
    return json.loads(path.read_text())


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_each_schema_has_its_address_as_id(path: Path) -> None:
    schema = read(path)
    assert schema["$id"] == ADDRESS + path.relative_to(PROJECT).as_posix()
    jsonschema.Draft202012Validator.check_schema(schema)


def test_every_schema_of_the_command_is_published() -> None:
    written = re.findall(r"authprobe schema.*> (\S+)", (PROJECT / "Makefile").read_text())
    assert {PROJECT / name for name in written} == set(SCHEMAS)


def test_the_catalog_has_the_form_of_schemastore() -> None:
    jsonschema.validate(read(PROJECT / "docs" / "schemastore.json"), CATALOG)


def test_the_catalog_names_the_scenarios_of_pytest_and_the_file_of_options() -> None:
    scenarios, options = read(PROJECT / "docs" / "schemastore.json")["schemas"]
    assert scenarios["fileMatch"] == [f"*{suffix}" for suffix in SUFFIXES]
    assert scenarios["url"] == scenario_schema()["$id"]
    assert options["fileMatch"] == [OWN_NAME]
    assert options["url"] == config_schema()["$id"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_such_a_name_is_a_scenario_and_follows_the_schema(
    tmp_path: Path, suffix: str
) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    (tmp_path / f"login{suffix}").write_text(text)
    (scenario,) = load_files([tmp_path])
    validator = jsonschema.Draft202012Validator(scenario_schema())
    validator.validate(yaml.safe_load(text))
    assert scenario.scenario.id == "our-login"
    unknown = yaml.safe_load(text) | {"verson": 1}
    assert [error.validator for error in validator.iter_errors(unknown)] == ["additionalProperties"]
