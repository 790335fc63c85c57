"""`authprobe explain` with several texts of one incident."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from authprobe.cli import main
from authprobe.observation.model import Outcome
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.command import run
from tests.support.make import make_exchange, make_observation, make_record, make_run

KEY = "my-gateway-key-123456"
OAUTH = "sk-ant-oat01-" + "Ab3" * 20
NEW_API = 'API Error: 401 {"error":{"message":"Invalid token","type":"new_api_error"}}\n'
SETTINGS = {"env": {"ANTHROPIC_BASE_URL": "https://gw.example", "ANTHROPIC_AUTH_TOKEN": KEY}}


def explain(*arguments: str | Path, text: str | None = None) -> Result:
    words = ["explain", *map(str, arguments)]
    return CliRunner().invoke(main, words, prog_name="authprobe", input=text)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "error.log"
    path.write_text(f"hello\n{NEW_API}")
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(SETTINGS, indent=2))
    return path


def test_each_fact_is_told_with_its_file_and_line(log: Path, settings: Path) -> None:
    output = explain(log, settings)
    assert output.exit_code == 0
    assert output.stdout.startswith("gateway-own-key (")
    assert re.search(rf"  evidence: {re.escape(str(log))} line 2.*: API Error: 401", output.stdout)
    assert f"\n  {log}: text\n  {settings}: settings of Claude Code\n" in output.stdout
    assert f"facts:\n  {settings} line 3: requests go to https://gw.example" in output.stdout


def test_json_has_the_texts_the_facts_and_the_contradictions(log: Path, settings: Path) -> None:
    log.write_text(f"POST https://api.anthropic.com/v1/messages\n{NEW_API}")
    output: dict[str, Any] = json.loads(explain("--json", log, settings).stdout)
    assert output["texts"] == [
        {"name": str(log), "kind": "text"},
        {"name": str(settings), "kind": "settings of Claude Code"},
    ]
    found = {(fact["question"], fact["answer"], fact["line"]) for fact in output["facts"]}
    assert {("base-url", "yes", 3), ("base-url", "no", 1)} <= found
    assert len(output["contradictions"]) == 1


def test_standard_input_is_one_of_the_texts(settings: Path) -> None:
    output = explain(settings, "-", text=NEW_API)
    assert re.search("evidence: standard input line 1.*: API Error", output.stdout)


def test_one_text_has_no_name() -> None:
    assert re.search("evidence: line 1.*: API Error", explain(text=NEW_API).stdout)
    output = explain(text=json.dumps(SETTINGS, indent=1)).stdout
    assert "facts:\n  line 3: requests go to" in output


def test_what_would_decide_is_a_line_and_in_json() -> None:
    text = "HTTP 500 Internal server error, getaddrinfo ENOTFOUND x"
    output = explain(text=text).stdout
    decides = json.loads(explain("--json", text=text).stdout)["decides"]
    assert f"\nWhat would decide: {decides['question']}\n" in output
    first = decides["answers"][0]
    assert {"id", "says", "for", "against"} == set(first)
    assert "server-incident" in first["for"] + first["against"]
    assert "against server-incident" in output or "for server-incident" in output


def test_nothing_decides_where_the_cause_is_certain() -> None:
    text = "API Error: 529 overloaded_error"
    assert "What would decide" not in explain(text=text).stdout
    assert json.loads(explain("--json", text=text).stdout)["decides"] is None


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_secrets_of_each_text_are_in_no_output(options: tuple[str, ...], tmp_path: Path) -> None:
    entry = {
        "startedDateTime": "2026-11-20T10:00:00Z",
        "request": {
            "method": "POST",
            "url": f"https://u:{KEY}@gw.example/{OAUTH}/v1/messages?key=hunter2hunter2",
            "headers": [{"name": "Authorization", "value": "Bearer plain-secret-1"}],
        },
        "response": {"status": 401, "content": {"text": f"bad key plain-secret-1 {OAUTH}"}},
    }
    doctor = {
        "results": [{"id": "x", "severity": "error", "summary": f"see {OAUTH} {KEY}"}],
        "wins": {},
    }
    texts = {
        "a.log": f"401 invalid token {KEY} plain-secret-1 stored-secret-2 {OAUTH} me@example.org",
        "settings.json": json.dumps(SETTINGS | {"apiKeyHelper": f"echo {OAUTH}"}),
        "x.har": json.dumps({"log": {"entries": [entry]}}),
        "doctor.json": json.dumps(doctor),
        "login.json": json.dumps({"claudeAiOauth": {"accessToken": "stored-secret-2"}}),
        "env.txt": f"ANTHROPIC_API_KEY='{KEY}'\nHTTPS_PROXY=http://u:proxy-pass@p.example:1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    result = explain(*options, *(tmp_path / name for name in texts))
    assert result.exit_code in (0, 1)
    secrets = (KEY, OAUTH, OAUTH[:20], "plain-secret-1", "stored-secret-2", "me@example.org")
    for secret in (*secrets, "hunter2", "proxy-pass"):
        assert secret not in result.output


def test_control_characters_of_every_text_are_escaped(tmp_path: Path) -> None:
    doctor = {
        "results": [{"id": "\x1b[31m", "severity": "error", "summary": "a\u202e\n::error::b"}],
        "wins": {"claude-code \x1b[2J": {"credential": None}},
    }
    (tmp_path / "d.json").write_text(json.dumps(doctor))
    (tmp_path / "a\x1b[31m.log").write_text("API Error: 529 \x1b[31mOverloaded")
    for option in ((), ("--json",)):
        result = explain(*option, tmp_path / "d.json", tmp_path / "a\x1b[31m.log")
        assert not {"\x1b", "\u202e"} & set(result.stdout)
        assert "\n::" not in result.stdout


def test_all_unusable_files_are_named_and_exit_with_4(log: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    result = explain(log, tmp_path / "none", tmp_path / "empty", tmp_path / "binary", tmp_path)
    assert result.exit_code == 4
    assert result.stdout == ""
    for message in (
        "none: cannot be read: No such file",
        "empty: the text is empty; give",
        "binary: the input is binary; give",
        f"{tmp_path}: cannot be read: Is a directory; give",
    ):
        assert message in result.stderr


def test_the_size_of_all_texts_together_is_bounded(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * 26_000_000)
    result = explain(tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 4
    assert "b: the texts together are larger than 50 MB; give the part around" in result.stderr


def test_the_number_of_texts_is_bounded(tmp_path: Path) -> None:
    result = explain(*(tmp_path / str(number) for number in range(21)))
    assert result.exit_code == 4
    assert "21 files are given, more than 20; give only those" in result.stderr


def test_a_text_that_is_given_twice_counts_once(log: Path) -> None:
    assert explain(log, log).stdout == explain(log).stdout


def test_a_run_adds_its_cases_and_points_to_a_cause(log: Path, tmp_path: Path) -> None:
    refused = make_exchange(
        status=401,
        credential="access-token",
        credential_header="authorization",
        error_type="authentication_error",
        message="OAuth access token has expired. Re-authenticate to continue.",
    )
    observation = make_observation(outcome=Outcome.REJECTED, status=401, exchanges=(refused,))
    mismatch = Mismatch(field="outcome", expected="accepted", actual="rejected")
    verdict = Verdict(status=Status.FAILED, mismatches=(mismatch,))
    record = make_record(id="b/refused", observation=observation, verdict=verdict)
    arranged = make_record(id="c/arranged", observation=observation)
    path = tmp_path / "results.json"
    path.write_text(dump_run(make_run(record, arranged)))
    output = json.loads(explain("--json", log, path).stdout)
    assert [case["id"] for case in output["cases"]] == ["b/refused", "c/arranged"]
    (fact,) = [fact for fact in output["facts"] if fact["source"] == str(path)]
    assert fact["cause"] == "access-token-expired"
    assert '"b/refused"' in path.read_text().splitlines()[fact["line"] - 1]
    printed = explain(log, path).stdout
    assert printed.startswith("gateway-own-key")
    assert "\n\ncase b/refused\n  why: " in printed


def test_settings_that_cannot_be_parsed_are_told_and_end_nothing(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"env": {,}}')
    result = explain(log, path)
    assert result.exit_code == 0
    assert f"{path} line 1: the settings cannot be parsed" in result.stdout


def test_a_text_is_explained_without_the_modules_of_a_run(tmp_path: Path) -> None:
    code = (
        "import sys; from authprobe.commands.explain import explain_text; "
        "explain_text('2026-08-24 Claude Code 1.0.83: 401 invalid bearer token'); "
        "print([name for name in sys.modules if name.startswith(('authprobe.emulator', "
        "'authprobe.run', 'authprobe.scenario', 'pydantic', 'yaml'))])"
    )
    process = run(cwd=tmp_path, argv=[sys.executable, "-c", code])
    assert (process.code, process.out.strip()) == (0, "[]")


def test_the_only_error_in_the_middle_of_a_long_log_is_found(tmp_path: Path) -> None:
    block = "".join(f"2026-11-23 DEBUG request {n} ok, status=200\n" for n in range(30_000))
    error = 'API Error: 401 {"error":{"type":"authentication_error","message":"invalid x-api-key"}}'
    (tmp_path / "long.log").write_text(f"{block}{error}\n{block}")
    result = explain(tmp_path / "long.log")
    assert result.stdout.startswith("api-key-invalid (")
    assert re.search(r"evidence: line 30001( \(.*\))?: API Error: 401", result.stdout)
    note = r"note: the text is long: of the lines \d+ to \d+, only those that tell of errors were"
    assert re.search(note, " ".join(result.stdout.split()))
    (told,) = json.loads(explain("--json", tmp_path / "long.log").stdout)["notes"]
    assert "only those that tell of errors were read" in told


def test_nothing_is_noted_of_a_text_that_was_read_whole() -> None:
    assert "note:" not in explain(text=NEW_API).stdout
    assert json.loads(explain("--json", text=NEW_API).stdout)["notes"] == []


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize(
    "setting",
    [
        {"env": {"ANTHROPIC_BASE_URL": "https://user:SECRET@gw.example/v1"}},
        {"env": {"HTTPS_PROXY": "http://SECRET@proxy.example:8080"}},
        {"env": {"ANTHROPIC_BASE_URL": "https://gw.example/?key=SECRET"}},
        {"env": {"ANTHROPIC_CUSTOM_HEADERS": "X-Gateway: SECRET\nX-Other: y"}},
        {"env": {"AWS_ACCESS_KEY_ID": "SECRET"}},
        {"env": {}, "mcpServers": {"a": {"headers": {"Authorization": "Custom SECRET"}}}},
        {"env": {}, "mcpServers": {"a": {"url": "https://x:SECRET@mcp.example"}}},
    ],
)
def test_secrets_of_settings_are_redacted_in_the_log_beside_them(
    setting: dict[str, Any], options: tuple[str, ...], tmp_path: Path
) -> None:
    secret = "corr3ct"
    (tmp_path / "settings.json").write_text(json.dumps(setting).replace("SECRET", secret))
    # A refusal by a gateway, so that its line is evidence whatever the settings say.
    (tmp_path / "a.log").write_text(
        f"litellm: 401 Authentication Error, Invalid proxy server token passed, sent {secret}"
    )
    result = explain(*options, tmp_path / "a.log", tmp_path / "settings.json")
    assert result.exit_code == 0
    assert "Invalid proxy server token" in result.stdout
    assert secret not in result.stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_tokens_of_other_services_are_in_no_output(options: tuple[str, ...]) -> None:
    tail = "Q7w8E9r0T1y2U3i4"
    lines = (f"sk-{tail}", f"xoxb-{tail}", f"ya29.{tail}", f"AIza{tail}", f"password: {tail}")
    text = "\n".join(f"API Error: 401 invalid x-api-key {each}" for each in lines)
    assert tail not in explain(*options, text=text).stdout
