"""`authprobe explain` as a user runs it."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from authprobe.cli import main
from authprobe.observation.model import Outcome
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.command import PROJECT, run
from tests.support.make import make_exchange, make_observation, make_record, make_run

TOKEN = "sk-ant-oat01-" + "Ab3" * 20
UNKNOWN_TOKEN = (
    'API Error: 401 {"type":"error","error":{"type":"authentication_error",'
    '"message":"Invalid bearer token"}}'
)


def explain(*arguments: str, text: str | bytes | None = None) -> Result:
    """Run `authprobe explain` with this text on standard input."""
    return CliRunner().invoke(main, ["explain", *arguments], prog_name="authprobe", input=text)


def explain_json(text: str) -> dict[str, Any]:
    """Return the JSON output of `authprobe explain` for a text."""
    output: dict[str, Any] = json.loads(explain("--json", text=text).stdout)
    return output


def test_the_cause_of_a_text_is_named_with_its_evidence() -> None:
    result = explain(text=f"hello\n{UNKNOWN_TOKEN}\n")
    assert result.exit_code == 0
    assert result.stdout.startswith("bearer-unknown (certain, 0.90)\n")
    assert "evidence: line 2: API Error: 401" in result.stdout
    assert "remedy: If ANTHROPIC_BASE_URL names another host" in result.stdout
    assert "source: https://github.com/anthropics/claude-code/issues/17402" in result.stdout


def test_garbage_collection_comes_back() -> None:
    """The command can be called in a program of others, such as these tests."""
    assert explain(text="401 OAuth token has expired").exit_code == 0
    assert gc.isenabled()


def test_json_has_the_cause_with_evidence_remedy_and_sources() -> None:
    first = explain_json(UNKNOWN_TOKEN)["causes"][0]
    assert first["id"] == "bearer-unknown"
    assert first["confidence"] == 0.9
    assert first["evidence"]
    assert first["remedy"].startswith("If ANTHROPIC_BASE_URL")
    assert first["sources"]


def test_json_of_a_single_text_has_every_key() -> None:
    printed = explain_json(UNKNOWN_TOKEN)
    assert printed["texts"] == [{"name": None, "kind": "text"}]
    assert (printed["facts"], printed["contradictions"]) == ([], [])


def test_known_issues_of_the_day_and_the_version_are_listed() -> None:
    output = explain_json(f"2026-08-24 Claude Code v2.1.220\n{UNKNOWN_TOKEN}")
    assert [incident["from"] for incident in output["incidents"]] == ["2026-08-24"]
    assert [regression["versions"] for regression in output["versions"]] == ["2.1.214 to 2.1.241"]
    assert explain_json(f"2026-08-23 v2.1.242\n{UNKNOWN_TOKEN}")["incidents"] == []


def test_the_regression_of_the_version_is_told_with_the_cause() -> None:
    text = "Claude Code 2.1.121: API Error: 401 with CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS=1"
    assert "regression (2.1.121 to before 2.1.123): " in explain(text=text).stdout


def test_an_unknown_cause_exits_with_1_and_lists_what_to_add() -> None:
    result = explain(text="api error")
    assert result.exit_code == 1
    assert result.stdout.startswith("unknown\n")
    assert "next step: Add the whole error with its HTTP status" in result.stdout


def test_a_second_likely_cause_is_shown_with_its_experiment() -> None:
    result = explain(text="HTTP 500 Internal server error, getaddrinfo ENOTFOUND x")
    assert "alternatives:\n  dns-failure (possible" in result.stdout
    assert "deciding experiment: Another program" in result.stdout
    assert "see this in the emulator: authprobe run --case not-the-credential/" in result.stdout


def test_secrets_and_personal_data_are_not_printed() -> None:
    text = f"{UNKNOWN_TOKEN} {TOKEN} me@example.org /home/jane/x"
    for result in (explain(text=text), explain("--json", text=text)):
        for secret in (TOKEN, TOKEN[:24], "me@example.org", "jane"):
            assert secret not in result.output


def test_control_characters_are_not_printed() -> None:
    result = explain(text="API Error: 529 \x1b[31m\u202e\x07Overloaded")
    assert not {"\x1b", "\u202e", "\x07"} & set(result.stdout)


def test_text_is_read_from_a_file_or_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "error.log"
    path.write_bytes(UNKNOWN_TOKEN.encode("utf-16"))
    assert explain(str(path)).stdout.startswith("bearer-unknown")
    assert explain("-", text=UNKNOWN_TOKEN).stdout.startswith("bearer-unknown")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the text is empty"),
        (b" \n", "the text is empty"),
        (b"\x7fELF\0\0\0", "the input is binary"),
        (b"x" * 50_000_001, "larger than 50 MB"),
    ],
    ids=["empty", "blank", "binary", "huge"],
)
def test_unusable_input_exits_with_4(content: bytes, message: str) -> None:
    result = explain(text=content)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert message in result.stderr


def test_the_name_of_a_missing_file_is_redacted() -> None:
    secrets = ("sk-proj-Q7w8E9r0T1y2U3i4O5p6", "AKIAQ7W8E9R0T1Y2U3I4", "me@example.org")
    for names in (secrets, secrets[:1]):
        result = explain(*names)
        assert result.exit_code == 4
        assert "cannot be read: No such file" in result.stderr
        assert not [secret for secret in secrets if secret in result.output]


def test_a_missing_file_or_a_directory_exits_with_4(tmp_path: Path) -> None:
    result = explain(str(tmp_path / "none"))
    assert result.exit_code == 4
    assert "cannot be read: No such file" in result.stderr
    assert explain(str(tmp_path)).exit_code == 4


def test_every_failed_case_of_a_run_is_explained() -> None:
    refused = make_exchange(
        status=401,
        credential="access-token",
        credential_header="authorization",
        error_type="authentication_error",
        message="OAuth access token has expired. Re-authenticate to continue.",
    )
    observation = make_observation(outcome=Outcome.REJECTED, status=401, exchanges=(refused,))
    records = (
        make_record(id="a/good"),
        make_record(id="b/refused", observation=observation),
        make_record(id="c/untested", observation=make_observation(outcome=Outcome.UNAVAILABLE)),
        make_record(id="d/failed", verdict=Verdict(status=Status.FAILED)),
    )
    text = dump_run(make_run(*records))
    output = explain_json(text)
    assert [case["id"] for case in output["cases"]] == ["b/refused", "d/failed"]
    assert output["causes"][0]["id"] == "access-token-expired"
    assert "case b/refused\naccess-token-expired" in explain(text=text).stdout


def test_a_failed_case_says_why_before_the_cause_of_its_refusal() -> None:
    observation = make_observation(outcome=Outcome.REJECTED, status=401)
    mismatch = Mismatch(field="outcome", expected="accepted", actual="rejected")
    verdict = Verdict(status=Status.FAILED, mismatches=(mismatch,))
    text = dump_run(make_run(make_record(observation=observation, verdict=verdict)))
    assert "ended as rejected 401, not accepted as the scenario" in explain(text=text).stdout
    assert "refused" in [reason["id"] for reason in explain_json(text)["cases"][0]["reasons"]]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_control_characters_in_a_case_id_are_not_printed(options: tuple[str, ...]) -> None:
    refused = make_observation(outcome=Outcome.REJECTED, status=401)
    record = make_record(id="a/\x1b[31m\u202eb\n::error::c", observation=refused)
    result = explain(*options, text=dump_run(make_run(record)))
    assert "a/" in result.stdout
    assert not {"\x1b", "\u202e", "\u200b"} & set(result.stdout)
    assert "\n::" not in result.stdout


def test_json_that_only_resembles_a_run_is_explained_as_text() -> None:
    assert (
        explain_json('{"schema_version": 1, "error": "529 overloaded_error"}')["causes"][0]["id"]
        == "overloaded"
    )


def test_the_installed_command_prints_json_only(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(UNKNOWN_TOKEN)
    process = run("explain", "--json", path, cwd=tmp_path)
    assert (process.code, process.err) == (0, "")
    assert json.loads(process.out)["causes"][0]["id"] == "bearer-unknown"


def test_every_cause_is_listed() -> None:
    assert "bearer-unknown " in explain("--causes").stdout


def test_docs_causes_md_is_up_to_date() -> None:
    printed = explain("--causes", "--markdown").stdout
    assert (PROJECT / "docs" / "causes.md").read_text() == printed, "make docs"
