"""The schema of authprobe.toml, and the page about it."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from authprobe.cli.config_reference import config_page
from authprobe.configuration.schema import config_schema, dump_schema
from authprobe.errors import SettingsError
from tests.configuration.test_files import settings_of
from tests.support.command import PROJECT


def test_page_and_schema_are_current() -> None:
    assert (PROJECT / "docs" / "config.md").read_text() == config_page(), "run: make docs"
    assert (PROJECT / "docs" / "config.schema.json").read_text() == dump_schema(), "run: make docs"
    jsonschema.Draft202012Validator.check_schema(json.loads(dump_schema()))


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ('suite = "smoke"\njobs = 4\n[diff]\nlooks = 3', True),
        ('clients = ["c.yaml"]\n[doctor]\nclouds = ["vertex"]\n[emulator]\nquiet = true', True),
        ("", True),
        ("jbos = 1", False),
        ('jobs = "1"', False),
        ("[diff]\nsuite = 'smoke'", False),
        ("fail-on = 'failed'", False),
        ("out = ''", False),
        ("yes = true", False),
        ("diff = 1", False),
    ],
)
def test_the_schema_accepts_what_the_program_does(
    text: str, is_valid: bool, tmp_path: Path
) -> None:
    validator = jsonschema.Draft202012Validator(config_schema())
    assert validator.is_valid(tomllib.loads(text)) is is_valid
    if is_valid:
        settings_of(tmp_path, text)
    else:
        with pytest.raises(SettingsError):
            settings_of(tmp_path, text)


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    (example,) = [part.partition("```")[0] for part in config_page().split("```toml\n")[1:]]
    assert settings_of(tmp_path, example, "diff") == {"jobs": "4", "looks": "3"}
