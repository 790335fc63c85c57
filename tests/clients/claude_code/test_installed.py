"""`claude-code@installed`: the user's own program, run in place and never changed."""

from pathlib import Path

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.scenario.clients import parse_client
from tests.support.registry import fault, install

CLAUDE = """#!/bin/sh
env > "$(dirname "$0")/environment"
pwd >> "$(dirname "$0")/environment"
touch "$HOME/trace" "$PWD/trace"
echo "1.2.3 (Claude Code)"
"""


@pytest.fixture
def user_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's `claude`, which a symbolic link on PATH points to."""
    folder = tmp_path / "lib" / "claude"
    (tmp_path / "bin").mkdir()
    folder.mkdir(parents=True)
    program = folder / "cli.js"
    program.write_text(CLAUDE)
    program.chmod(0o755)
    (tmp_path / "bin" / "claude").symlink_to(program)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "canary")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return program


def test_users_own_program_runs_in_place(user_program: Path, cache: Cache, tmp_path: Path) -> None:
    installed = install(cache, "claude-code@installed")
    assert (installed.version, installed.program) == ("1.2.3", user_program)
    assert sorted(path.name for path in user_program.parent.iterdir()) == ["cli.js", "environment"]
    assert list((tmp_path / "home").iterdir()) == []
    assert not cache.folder.exists()
    assert str(parse_client("claude-code@installed")) == "claude-code@installed"


def test_version_query_gets_no_user_variables(user_program: Path, cache: Cache) -> None:
    install(cache, "claude-code@installed")
    *lines, folder = (user_program.parent / "environment").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert "canary" not in variables.values()
    assert variables["CLAUDE_CONFIG_DIR"] == f"{variables['HOME']}/.claude"
    assert not Path(variables["HOME"]).exists()
    assert not Path(folder).exists()
    assert variables["HTTPS_PROXY"] == "http://127.0.0.1:9"


def test_missing_user_program_is_unavailable(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fault(cache, "claude-code@installed") == "there is no claude on PATH"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("echo broken >&2; exit 3", "the claude on PATH: --version failed: broken"),
        ("echo hello", "the claude on PATH reports no version"),
    ],
)
def test_user_program_without_version_is_unavailable(
    user_program: Path, cache: Cache, text: str, error: str
) -> None:
    user_program.write_text(f"#!/bin/sh\n{text}\n")
    assert fault(cache, "claude-code@installed") == error


def test_only_claude_code_can_be_installed_by_the_user() -> None:
    with pytest.raises(ValueError, match="only claude-code can be 'installed'"):
        parse_client("agent-sdk-node@installed")
