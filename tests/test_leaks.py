"""Canaries: what the user has in the environment and the home is not seen, changed or shown."""

import sys
from pathlib import Path

import pytest

from probes.errors import ExitCode
from probes.report.artifacts import Guard, SecretFoundError
from tests.command import PROJECT, run, write_scenario

CANARY = "sk-ant-oat01-" + "canary-of-the-user-" * 3
SCENARIO = """
id: leaks
title: Tokens in every place that a request has
why: To look for them afterwards.
sources: [https://example.org/]
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
  platform: {url: "https://platform.claude.com/v1/oauth/token", request: refresh}
credentials:
  as-bearer: {token: access-token, via: bearer}
  as-key: {token: api-key, state: unknown, via: x-api-key}
  in-body: {token: refresh-token, state: used, via: body}
matrix:
  client: [raw-http]
  endpoint: [messages]
  credential: [as-bearer, as-key]
include:
  - {endpoint: platform, credential: in-body}
expect: {outcome: accepted, message: never said}
"""


def test_no_token_reaches_a_report_not_even_of_a_failed_case(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path, SCENARIO)
    out = tmp_path / "reports"
    ended = run(
        argv=[
            *(sys.executable, "-m", "pytest", f"--scenarios={scenario}", f"--out={out}"),
            *("--showlocals", "-vv", "-o", f"cache_dir={tmp_path / 'cache'}"),
        ],
        cwd=PROJECT,
        HOME=str(tmp_path),
    )
    assert ended.code == 1
    texts = [path.read_text() for path in out.iterdir()] + [ended.out, ended.err]
    assert len(texts) >= 6
    assert not [text for text in texts if "sk-ant-" in text]
    assert any("[redacted:access-token]" in text for text in texts)


def test_the_users_own_credentials_are_neither_used_nor_touched(tmp_path: Path) -> None:
    home = tmp_path / "home"
    login = home / ".claude" / ".credentials.json"
    login.parent.mkdir(parents=True)
    login.write_text(CANARY)
    variables = (
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "ANTHROPIC_CUSTOM_HEADERS",
        "SOME_OTHER_SECRET",
    )
    before = sorted(home.rglob("*"))
    ended = run(
        *("run", "-k", "cli-nothing and 31", "--json"),
        cwd=tmp_path,
        argv=None,
        **dict.fromkeys(variables, CANARY),
        CLAUDE_CONFIG_DIR=str(login.parent),
    )
    if "registry cannot be reached" in ended.out:
        pytest.skip("NO PACKAGE REGISTRY: the client is not installed")
    assert ended.code == 0, ended.out
    assert "canary" not in ended.out + ended.err
    for path in (tmp_path / "reports").iterdir():
        assert "canary" not in path.read_text()
    assert login.read_text() == CANARY
    assert [path for path in sorted(home.rglob("*")) if ".cache" not in str(path)] == before


def test_an_artifact_with_a_token_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "kept.html").write_text("of an earlier run")
    with pytest.raises(SecretFoundError, match=r"kept\.html was not written") as raised:
        Guard().publish(tmp_path, {"clean.json": "{}", "kept.html": f"<p>{CANARY}</p>"})
    assert CANARY not in str(raised.value)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "clean.json": "{}",
        "kept.html": "of an earlier run",
    }


def test_a_leak_ends_the_run_with_its_own_exit_code(tmp_path: Path) -> None:
    # A scenario may hold any text; one with a token in it must not be published.
    text = SCENARIO.replace("To look for them afterwards.", CANARY)
    ended = run("run", write_scenario(tmp_path, text), cwd=tmp_path)
    assert ended.code == ExitCode.SECRET_FOUND
    assert "results.json was not written: it holds what looks like a token, at line" in ended.err
    assert CANARY not in ended.err + ended.out
    kept = [p for p in (tmp_path / "reports").iterdir() if p.stat().st_size]
    assert kept == []
