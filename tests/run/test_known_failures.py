import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.errors import ScenarioError
from authprobe.observation.model import Outcome
from authprobe.run.known_failures import KnownFailureList, load_known_failures
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import TextRule
from authprobe.verdict.judge import judge
from authprobe.verdict.known_failure import KnownFailure, Signature
from authprobe.verdict.model import Status, Verdict
from tests.support.judged import OBSERVATION
from tests.support.make import make_accepted, make_case, make_observation, make_record

TODAY = datetime.date(2026, 11, 24)
ISSUE = "https://example.org/issue/7"
ENTRY = f"""
known_failures:
  - case: example/raw-http/default/none
    signature: {{outcome: rejected, status: 401, message: {{contains: has expired}}}}
    versions: ">=2.1 <3"
    expires: 2026-12-31
    issue: {ISSUE}
    note: They know.
"""


def make_entry(**changes: object) -> KnownFailure:
    """Return an entry for the case of `make_case` that matches the failure `OBSERVATION`."""
    values: dict[str, object] = {
        "case": "example/raw-http/default/none",
        "signature": Signature(outcome=Outcome.REJECTED, message=TextRule(contains="has expired")),
        "expires": TODAY,
        "issue": ISSUE,
    }
    return KnownFailure(**values | changes)  # type: ignore[arg-type]


def stale_entries(entry: KnownFailure, *records: CaseRecord, partial: bool = False) -> list[str]:
    """Return the lines about this entry after a run of these cases."""
    entries = KnownFailureList(entries=(("k:1:2", entry),), today=TODAY)
    return list(entries.stale_entries(records, partial=partial))


def test_a_known_failure_is_skipped_and_keeps_its_mismatches() -> None:
    verdict = judge(make_case(), OBSERVATION, known_failures=[make_entry()])
    assert (verdict.status, verdict.known, verdict.regressed) == (Status.SKIPPED, ISSUE, False)
    assert verdict.mismatches


def test_a_known_failure_without_an_issue_is_excused_by_its_note() -> None:
    entry = make_entry(issue=None, note="waits for 2.1.340")
    verdict = judge(make_case(), OBSERVATION, known_failures=[entry])
    assert (verdict.status, verdict.known) == (Status.SKIPPED, "waits for 2.1.340")


def test_a_known_failure_of_an_accepted_case_is_no_regression() -> None:
    verdict = judge(make_case(), OBSERVATION, make_accepted(make_record()), [make_entry()])
    assert (verdict.known, verdict.regressed) == (ISSUE, False)


@pytest.mark.parametrize(
    "signature",
    [
        Signature(outcome=Outcome.CRASHED),
        Signature(outcome=Outcome.REJECTED, status=403),
        Signature(outcome=Outcome.REJECTED, error_type="permission_error"),
        Signature(outcome=Outcome.REJECTED, message="other"),
        Signature(outcome=Outcome.REJECTED, message=TextRule(matches="^other")),
    ],
)
def test_a_different_failure_of_the_same_case_is_a_regression(signature: Signature) -> None:
    verdict = judge(make_case(), OBSERVATION, known_failures=[make_entry(signature=signature)])
    assert (verdict.status, verdict.known, verdict.regressed) == (Status.FAILED, None, True)


def test_a_case_that_passes_or_is_untestable_has_no_known_failure() -> None:
    accepted = make_entry(signature=Signature(outcome=Outcome.ACCEPTED))
    assert judge(make_case(), make_observation(), known_failures=[accepted]).known is None
    broken = make_entry(signature=Signature(outcome=Outcome.UNAVAILABLE))
    verdict = judge(
        make_case(), make_observation(outcome=Outcome.UNAVAILABLE), known_failures=[broken]
    )
    assert (verdict.status, verdict.known) == (Status.ERROR, None)


@pytest.mark.parametrize(
    ("changes", "version", "expected"),
    [
        ({}, "1.0", True),
        ({}, None, True),
        ({"case": "example/*"}, "1.0", True),
        ({"case": "other/*"}, "1.0", False),
        ({"case": "example"}, "1.0", False),
        ({"versions": ">=2.1 <3"}, "2.1.31", True),
        ({"versions": ">=2.1 <3"}, "3.0", False),
        ({"versions": ">=2.1 <3"}, None, False),
        ({"versions": "2.1.31"}, "2.1.31", True),
        ({"versions": "2.1.31"}, "2.1.32", False),
        ({"expires": TODAY - datetime.timedelta(days=1)}, "1.0", False),
    ],
)
def test_an_entry_applies_to_its_cases_and_versions_until_it_expires(
    changes: dict[str, object], version: str | None, expected: bool
) -> None:
    entry = make_entry(**changes)
    entries = KnownFailureList(entries=(("k:1:1", entry),), today=TODAY)
    assert entries.for_case(make_case().id, version) == ((entry,) if expected else ())


def failing(status: Status = Status.SKIPPED, issue: str | None = ISSUE) -> CaseRecord:
    """Return a record of the failing case; by default it matches the known failure."""
    return make_record(observation=OBSERVATION, verdict=Verdict(status=status, known=issue))


def test_an_entry_that_no_case_needs_is_stale() -> None:
    assert stale_entries(make_entry(), failing()) == []
    [line] = stale_entries(make_entry(), make_record())
    assert line.startswith("k:1:2: this known failure no longer occurs: 1 of its cases ran")
    assert stale_entries(make_entry(), failing(Status.FAILED, None)) != []


def test_an_entry_whose_case_did_not_run_is_not_stale() -> None:
    assert stale_entries(make_entry(case="other/raw-http"), make_record()) == []
    assert stale_entries(make_entry(), make_record(verdict=Verdict(status=Status.ERROR))) == []
    assert stale_entries(make_entry(versions="9"), make_record()) == []


def test_a_pattern_can_be_stale_only_after_a_complete_run() -> None:
    entry = make_entry(case="example/*")
    assert stale_entries(entry, make_record(), partial=True) == []
    assert stale_entries(entry, make_record()) != []
    assert stale_entries(make_entry(), make_record(), partial=True) != []


def test_an_expired_entry_is_stale_whatever_ran() -> None:
    entry = make_entry(expires=datetime.date(2026, 11, 23))
    [line] = stale_entries(entry)
    assert "k:1:2: this known failure expired on 2026-11-23" in line


def test_entries_are_read_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(ENTRY)
    [(place, entry)] = load_known_failures(path, TODAY).entries
    assert place == f"{path}:3:5"
    assert entry.issue == ISSUE
    assert entry.signature.matches(OBSERVATION)


@pytest.mark.parametrize("text", ["", "# nothing\n\n  # at all\n"])
def test_a_file_without_entries_equals_no_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(text)
    assert load_known_failures(path, TODAY) == load_known_failures(None, TODAY)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("versions:", "version:", "5:5: unknown key 'version'; did you mean 'versions'?"),
        (">=2.1 <3", ">=2.1 <", "5:15: '>=2.1 <' is not a version range"),
        (">=2.1 <3", "latest", "5:15: 'latest' is neither a version nor a range"),
        ("outcome: rejected", "outcome: rejcted", "did you mean 'rejected'?"),
        ("2026-12-31", "soon", "6:14: 'expires' must be a date such as 2026-02-19"),
        (
            f"    issue: {ISSUE}\n    note: They know.\n",
            "",
            "3:5: an entry needs an 'issue' or a 'note'",
        ),
        (ISSUE, "ours", "7:12: 'ours' is not an address"),
        (
            "known_failures",
            "known",
            "this is not a known-failures file, which starts with 'known_f",
        ),
        ("case:", "\tcase:", "indent with spaces"),
    ],
)
def test_an_error_has_its_place(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(ENTRY.replace(old, new, 1))
    with pytest.raises(ScenarioError) as error:
        load_known_failures(path, TODAY)
    assert message in str(error.value)
    assert all(line.startswith(f"{path}:") for line in error.value.messages)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.yaml:1:1: no such file"):
        load_known_failures(tmp_path / "none.yaml", TODAY)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{matches: '(?!a)'}", "4:68: '(?!a)' is not a regular expression: invalid perl operator;"),
        ("{}", "4:49: 'message' must have one of 'contains' and 'matches'"),
    ],
)
def test_condition_on_a_message_is_checked_when_the_file_is_loaded(
    tmp_path: Path, message: str, expected: str
) -> None:
    path = tmp_path / "known-failures.yaml"
    path.write_text(ENTRY.replace("{contains: has expired}", message))
    with pytest.raises(ScenarioError) as caught:
        load_known_failures(path, TODAY)
    assert expected in str(caught.value)


def test_an_entry_survives_an_upgrade_of_its_client() -> None:
    entry = make_entry(case="s/claude-code@2.1.112/default/key")
    known = KnownFailureList(entries=(("here", entry),), today=entry.expires)
    assert known.for_case("s/claude-code@2.1.332/default/key", "2.1.332") == (entry,)
    assert known.for_case("s/claude-code@2.1.332/default/other", "2.1.332") == ()
    own = make_entry(case="s/claude-code@2.1.332/default/key")
    both = KnownFailureList(entries=(("here", entry), ("there", own)), today=entry.expires)
    assert both.for_case("s/claude-code@2.1.332/default/key", "2.1.332") == (own,)
    limited = replace(entry, versions="<2.1.200")
    known = KnownFailureList(entries=(("here", limited),), today=entry.expires)
    assert known.for_case("s/claude-code@2.1.332/default/key", "2.1.332") == ()
