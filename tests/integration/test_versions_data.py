"""The versions tables in docs/versions are valid, and docs/versions.md agrees with them."""

import json
import re
from pathlib import Path
from typing import Final

import jsonschema
import pytest

from authprobe.compatibility.features import BUNDLED_FEATURES, load_features
from authprobe.compatibility.table import (
    CompatibilityTable,
    VersionBound,
    dump_schema,
    gaps,
    intervals,
    read_table,
)
from authprobe.core.client_kinds import ClientKind
from authprobe.report.html.versions_page import versions_page
from authprobe.report.versions import effort_words, headline
from authprobe.scenario.load import load_all
from authprobe.settings import Settings
from tests.support.command import PROJECT

FOLDER: Final = PROJECT / "docs" / "versions"
SCHEMA: Final = FOLDER / "schema.json"
FILES: Final = sorted(set(FOLDER.glob("*.json")) - {SCHEMA})
PAGE: Final = (PROJECT / "docs" / "versions.md").read_text()
TEXT: Final = " ".join(PAGE.split())
"""The page without its line breaks."""
SCENARIOS: Final = tuple(load_all(Settings().all_scenario_paths))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """Return the path of a table."""
    table_path: Path = request.param
    return table_path


@pytest.fixture
def table(path: Path) -> CompatibilityTable:
    return read_table(path)


def begins(table: CompatibilityTable, feature: str) -> list[VersionBound]:
    """Return the bounds at which the values of a feature begin."""
    (match,) = [each for each in table.features if each.id == feature]
    return [interval.added for interval in match.intervals]


def test_first_command_of_the_claude_table_is_in_the_page() -> None:
    first = read_table(FOLDER / "claude-code.json").made[0]
    assert first.command == "authprobe versions --client claude-code --count 70"
    assert effort_words(first) in TEXT


def test_headline_of_the_claude_table_is_in_the_page() -> None:
    assert headline(read_table(FOLDER / "claude-code.json")) in TEXT


def test_evidence_belongs_to_the_current_questions(table: CompatibilityTable) -> None:
    features = load_features(BUNDLED_FEATURES, SCENARIOS, ClientKind(table.client))
    questions = {feature.definition.id: feature for feature in features}
    assert [feature.id for feature in table.features] == list(questions)
    for feature in table.features:
        assert {entry.under for entry in feature.evidence} == {questions[feature.id].question_hash}


def test_schema_is_current_and_the_table_matches_it(path: Path) -> None:
    assert SCHEMA.read_text() == dump_schema(), "make docs"
    jsonschema.Draft202012Validator(json.loads(dump_schema())).validate(
        json.loads(path.read_text())
    )


def test_intervals_and_gaps_follow_from_the_evidence(table: CompatibilityTable) -> None:
    for feature in table.features:
        assert feature.intervals == intervals(table.published, feature.evidence)
        assert feature.gaps == gaps(feature.evidence)


def test_page_is_generated_from_the_table(path: Path, table: CompatibilityTable) -> None:
    assert path.with_suffix(".html").read_text() == versions_page(table, data=path.name)


@pytest.mark.parametrize(
    ("client", "feature", "version"),
    [
        ("agent-sdk-node", "agent-node-status", "0.2.117"),
        ("agent-sdk-python", "agent-python-status", "0.1.66"),
        ("agent-sdk-python", "agent-python-status", "0.1.76"),
    ],
)
def test_statements_about_the_agent_sdks_are_in_their_tables(
    client: str, feature: str, version: str
) -> None:
    bounds = begins(read_table(FOLDER / f"{client}.json"), feature)
    assert version in [bound.by for bound in bounds if bound.exact]
    assert version in TEXT


@pytest.mark.parametrize(
    ("feature", "version"),
    [
        ("credentials-file-written", "0.2.90"),
        ("oauth-flag", "0.2.90"),
        ("environment-token", "1.0.44"),
        ("setup-token", "1.0.44"),
        ("setup-token", "1.0.128"),
        ("setup-token", "2.0.0"),
        ("api-key-before-login", "1.0.16"),
        ("refresh-host", "2.1.7"),
        ("auth-status", "2.1.40"),
        ("permanent-refusal", "2.1.117"),
        ("json-status", "2.1.117"),
        ("refresh-on-401", "2.1.118"),
        ("oauth-flag-without-betas", "2.1.121"),
        ("oauth-flag-without-betas", "2.1.123"),
    ],
)
def test_statements_about_claude_are_in_its_table(feature: str, version: str) -> None:
    bounds = begins(read_table(FOLDER / "claude-code.json"), feature)
    assert version in [bound.by for bound in bounds if bound.exact]
    (rows,) = re.findall(r"^\| behaviour \| versions .*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    assert version in rows
