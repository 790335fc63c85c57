"""`claude-code@installed`: the user's own, which is run and never changed."""

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
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's `claude`, at the end of a link on PATH."""
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


def test_the_users_own_is_used_where_it_is(own: Path, cache: Cache, tmp_path: Path) -> None:
    installed = install(cache, "claude-code@installed")
    assert (installed.version, installed.program) == ("1.2.3", own)
    assert sorted(path.name for path in own.parent.iterdir()) == ["cli.js", "environment"]
    assert list((tmp_path / "home").iterdir()) == []
    assert not cache.folder.exists()
    assert str(parse_client("claude-code@installed")) == "claude-code@installed"


def test_it_is_asked_for_its_version_with_nothing_of_the_users(own: Path, cache: Cache) -> None:
    install(cache, "claude-code@installed")
    *lines, folder = (own.parent / "environment").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines)
    assert "canary" not in told.values()
    assert told["CLAUDE_CONFIG_DIR"] == f"{told['HOME']}/.claude"
    assert not Path(told["HOME"]).exists()
    assert not Path(folder).exists()
    assert told["HTTPS_PROXY"] == "http://127.0.0.1:9"


def test_without_one_it_is_unavailable(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fault(cache, "claude-code@installed") == "there is no claude on PATH"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo broken >&2; exit 3", "the claude on PATH: --version failed: broken"),
        ("echo hello", "the claude on PATH reports no version"),
    ],
)
def test_one_that_does_not_say_its_version_is_unavailable(
    own: Path, cache: Cache, text: str, told: str
) -> None:
    own.write_text(f"#!/bin/sh\n{text}\n")
    assert fault(cache, "claude-code@installed") == told


def test_only_claude_code_can_be_the_users_own() -> None:
    with pytest.raises(ValueError, match="only claude-code can be 'installed'"):
        parse_client("agent-sdk-node@installed")
