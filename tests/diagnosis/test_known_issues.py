"""The bundled known issues are consistent, and are found by day and by version."""

import datetime
import json
from pathlib import Path

import pytest

from authprobe.diagnosis.causes import causes
from authprobe.diagnosis.known_issues import KNOWN_ISSUES_FILE, known_issues
from authprobe.diagnosis.known_issues_file import load_known_issues
from authprobe.errors import RecordError
from tests.support.command import PROJECT


def test_known_issues_name_existing_causes_and_have_sources() -> None:
    issues = known_issues()
    entries = [(entry.causes, entry.sources) for entry in issues.incidents]
    entries += [(entry.causes, entry.sources) for entry in issues.regressions]
    for cause_set, sources in entries:
        assert set(cause_set) <= set(causes())
        assert sources


def test_known_issues_are_found_by_day_and_by_version() -> None:
    issues = known_issues()
    day = datetime.date(2026, 3, 20)
    assert [i.begin.day for i in issues.incidents_on(day, ("authorize-request-refused",))] == [19]
    assert issues.incidents_on(day, ("scope-missing",)) == ()
    assert issues.incidents_on(datetime.date(2026, 3, 22), ("authorize-request-refused",)) == ()
    assert [r.versions for r in issues.regressions_of("1.0.83", ("oauth-beta-missing",))] == [
        "1.0.82 to before 1.0.88"
    ]
    assert issues.regressions_of("1.0.88", ("oauth-beta-missing",)) == ()
    assert issues.regressions_of("1.0.81", ("oauth-beta-missing",)) == ()


def test_a_regression_that_was_measured_is_that_of_the_table() -> None:
    """The flag is sent again in the version that the table has as the end of the gap."""
    table = json.loads((PROJECT / "docs" / "versions" / "claude-code.json").read_text())
    (feature,) = (f for f in table["features"] if f["id"] == "oauth-flag-without-betas")
    gap, last = feature["intervals"][-2:]
    assert (gap["value"], last["value"]) == ("no", "yes")
    (regression,) = known_issues().regressions_of("2.1.122", ("beta-unknown",))
    assert (regression.begin, regression.fixed) == (gap["added"]["by"], last["added"]["by"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("incidents: []", "1:1: the key 'regressions' is missing"),
        ("incidents: [{what: x}]\nregressions: []", "1:13: the key 'begin' is missing"),
        (
            "incidents: [{begin: today, what: x, causes: [], sources: []}]\nregressions: []",
            "1:21: 'begin' must be a date such as 2026-02-19, not the text 'today'",
        ),
        (
            "incidents: []\nregressions: [{fixed: soon, what: x, causes: [], sources: []}]",
            "2:23: 'fixed': soon is not a version",
        ),
        (
            "incidents: []\nregressions: [{fix: 1.0.0, what: x, causes: [], sources: []}]",
            "2:16: unknown key 'fix'; did you mean 'fixed'\\?",
        ),
    ],
)
def test_an_invalid_known_issues_file_is_reported(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "known_issues.yaml"
    path.write_text(text)
    with pytest.raises(RecordError, match=message):
        load_known_issues(path)


def test_the_bundled_known_issues_are_what_the_strict_reader_returns() -> None:
    assert load_known_issues(KNOWN_ISSUES_FILE) == known_issues()
