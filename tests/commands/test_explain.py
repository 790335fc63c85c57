"""`authprobe explain` as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from authprobe.cli import main
from authprobe.observation.model import Outcome
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Status, Verdict
from tests.support.command import PROJECT, run
from tests.support.make import make_exchange, make_observation, make_record, make_run

TOKEN = "sk-ant-oat01-" + "Ab3" * 20
UNKNOWN_TOKEN = (
    'API Error: 401 {"type":"error","error":{"type":"authentication_error",'
    '"message":"Invalid bearer token"}}'
)


def explain(*arguments: str, given: str | bytes | None = None) -> Result:
    """`authprobe explain` with this on its standard input."""
    return CliRunner().invoke(main, ["explain", *arguments], prog_name="authprobe", input=given)


def told(given: str) -> dict[str, Any]:
    """What is printed as JSON of a text."""
    found: dict[str, Any] = json.loads(explain("--json", given=given).stdout)
    return found


def test_the_cause_of_a_text_is_named_with_its_evidence() -> None:
    result = explain(given=f"hello\n{UNKNOWN_TOKEN}\n")
    assert result.exit_code == 0
    assert result.stdout.startswith("bearer-unknown (certain, 0.90)\n")
    assert "seen: line 2: API Error: 401" in result.stdout
    assert "remedy: Unset ANTHROPIC_AUTH_TOKEN" in result.stdout
    assert "source: https://github.com/anthropics/claude-code/issues/17402" in result.stdout


def test_json_has_what_a_program_wants() -> None:
    first = told(UNKNOWN_TOKEN)["causes"][0]
    assert first["id"] == "bearer-unknown"
    assert first["confidence"] == 0.9
    assert first["evidence"]
    assert first["remedy"].startswith("Unset")
    assert first["sources"]


def test_a_day_and_a_version_bring_what_is_known_of_them() -> None:
    found = told(f"2026-08-24 Claude Code v2.1.220\n{UNKNOWN_TOKEN}")
    assert [incident["from"] for incident in found["incidents"]] == ["2026-08-24"]
    assert [known["versions"] for known in found["versions"]] == ["2.1.214 to 2.1.241"]
    assert told(f"2026-08-23 v2.1.242\n{UNKNOWN_TOKEN}")["incidents"] == []


def test_too_little_is_exit_code_1_and_says_what_to_add() -> None:
    result = explain(given="api error")
    assert result.exit_code == 1
    assert result.stdout.startswith("unknown\n")
    assert "to add: Add the whole error with its HTTP status" in result.stdout


def test_a_second_cause_that_fits_is_shown_with_what_decides() -> None:
    result = explain(given="HTTP 500 Internal server error, getaddrinfo ENOTFOUND x")
    assert "or:\n  server-incident (likely" in result.stdout
    assert "to tell: Another account" in result.stdout
    assert "$ authprobe run --case not-the-credential/" in result.stdout


def test_nothing_that_was_secret_is_printed() -> None:
    text = f"{UNKNOWN_TOKEN} {TOKEN} me@example.org /home/somebody/x"
    for result in (explain(given=text), explain("--json", given=text)):
        for secret in (TOKEN, TOKEN[:24], "me@example.org", "somebody"):
            assert secret not in result.output


def test_nothing_hidden_is_printed() -> None:
    result = explain(given="API Error: 529 \x1b[31m\u202e\x07Overloaded")
    assert not {"\x1b", "\u202e", "\x07"} & set(result.stdout)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "error.log"
    path.write_bytes(UNKNOWN_TOKEN.encode("utf-16"))
    assert explain(str(path)).stdout.startswith("bearer-unknown")
    assert explain("-", given=UNKNOWN_TOKEN).stdout.startswith("bearer-unknown")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (b"", "there is nothing to explain"),
        (b" \n", "there is nothing to explain"),
        (b"\x7fELF\0\0\0", "this is no text"),
        (b"x" * 50_000_001, "more than 50 MB"),
    ],
    ids=["empty", "blank", "binary", "huge"],
)
def test_what_cannot_be_read_is_exit_code_4(given: bytes, complaint: str) -> None:
    result = explain(given=given)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert complaint in result.stderr


def test_a_file_that_is_not_there_is_exit_code_4(tmp_path: Path) -> None:
    result = explain(str(tmp_path / "none"))
    assert result.exit_code == 4
    assert "cannot be read: No such file" in result.stderr
    assert explain(str(tmp_path)).exit_code == 4


def test_a_run_is_explained_case_by_case() -> None:
    refused = make_exchange(
        status=401,
        credential="access-token",
        credential_header="authorization",
        error_type="authentication_error",
        message="OAuth access token has expired. Re-authenticate to continue.",
    )
    seen = make_observation(outcome=Outcome.REJECTED, status=401, exchanges=(refused,))
    records = (
        make_record(id="a/good"),
        make_record(id="b/refused", observation=seen),
        make_record(id="c/untested", observation=make_observation(outcome=Outcome.UNAVAILABLE)),
        make_record(id="d/failed", verdict=Verdict(status=Status.FAILED)),
    )
    text = dump_run(make_run(*records))
    found = told(text)
    assert [case["id"] for case in found["cases"]] == ["b/refused", "d/failed"]
    assert found["causes"][0]["id"] == "access-token-expired"
    assert "case b/refused\naccess-token-expired" in explain(given=text).stdout


def test_a_file_that_only_looks_like_a_run_is_a_text() -> None:
    assert (
        told('{"schema_version": 1, "error": "529 overloaded_error"}')["causes"][0]["id"]
        == "overloaded"
    )


def test_it_works_as_a_program_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(UNKNOWN_TOKEN)
    ended = run("explain", "--json", path, cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["causes"][0]["id"] == "bearer-unknown"


def test_every_cause_is_listed() -> None:
    assert "bearer-unknown " in explain("--causes").stdout


def test_the_page_of_causes_is_what_the_command_prints() -> None:
    printed = explain("--causes", "--markdown").stdout
    assert (PROJECT / "docs" / "causes.md").read_text() == printed, "make docs"
