"""`authprobe doctor` as a user runs it, in homes that are made for it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_untouched import VARIABLES, contents, furnish
from tests.support.command import PROJECT, Ended, command
from tests.support.homes import ACCESS, API_KEY, CANARY, REFRESH, Home, make_home

SEPARATE = {"PYTHONPATH": str(PROJECT), "LANG": "C.UTF-8", "COLUMNS": "80"}


def doctor(home: Home, *arguments: str, **variables: str) -> Ended:
    """The command with this home, these variables, and nothing of who runs the test."""
    machine = home.machine()
    path = ":".join([*map(str, machine.search_path), "/usr/bin", "/bin"])
    done = subprocess.run(
        command("doctor", *arguments),
        cwd=machine.folder,
        env={"HOME": str(home.home), "PATH": path, **SEPARATE, **home.variables, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def told(home: Home, **variables: str) -> dict[str, Any]:
    """What is printed as JSON."""
    found: dict[str, Any] = json.loads(doctor(home, "--json", **variables).out)
    return found


def good_home(folder: Path) -> Home:
    """A home in which all is well, whatever the day."""
    home = make_home(folder, CLAUDE_CODE_OAUTH_TOKEN=ACCESS)
    home.settings(model="opus")
    return home


def test_all_is_well(tmp_path: Path) -> None:
    ended = doctor(good_home(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert "command: Claude Code 2.1.330" in ended.out
    assert "claude-code 2.1.330 uses CLAUDE_CODE_OAUTH_TOKEN: access token, not tried" in ended.out


def test_something_to_know_is_no_failure(tmp_path: Path) -> None:
    ended = doctor(good_home(tmp_path), HTTPS_PROXY="http://proxy.example:3128")
    assert ended.code == 0
    assert "to know\n  proxy: Requests go through the proxy http://proxy.example:3128" in ended.out


@pytest.mark.parametrize(
    ("variable", "severity"),
    [({"ANTHROPIC_API_KEY": ACCESS}, "errors"), ({"ANTHROPIC_API_KEY": ""}, "warnings")],
)
def test_an_error_or_a_warning_is_exit_code_1(
    variable: dict[str, str], severity: str, tmp_path: Path
) -> None:
    ended = doctor(good_home(tmp_path), **variable)
    assert ended.code == 1
    assert ended.out.startswith(f"{severity}\n")


def test_a_bad_option_is_exit_code_4(tmp_path: Path) -> None:
    assert doctor(good_home(tmp_path), "--run-it").code == 4


def test_errors_come_first_with_their_remedy(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(accessToken="", refreshToken="", expiresAt=0)
    home.variables["HTTPS_PROXY"] = "http://proxy.example"
    out = doctor(home).out
    titles = [line for line in out.splitlines() if not line.startswith(" ")]
    assert titles == ["errors", "to know", "well", "credentials"]
    assert "login-blanked: The stored login is there and its tokens are empty. [~/.claude/" in out
    assert "remedy: Log in once more, with the other sessions closed" in out
    assert "cause: credential-blanked" in out
    assert "claude-code 2.1.330 uses none that was found" in out


def test_there_is_no_colour_but_on_a_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in doctor(good_home(tmp_path), TERM="xterm-256color").out


def test_json_has_results_and_wins(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_API_KEY=API_KEY)
    home.login()
    found = told(home)
    (shadowed,) = [each for each in found["results"] if each["id"] == "login-shadowed"]
    assert shadowed["severity"] == "warning"
    assert shadowed["where"] == "ANTHROPIC_API_KEY"
    assert shadowed["cause"] == "ambient-credential-shadows"
    assert shadowed["remedy"]
    assert shadowed["sources"]
    win = found["wins"]["claude-code 2.1.330"]
    assert win["credential"]["slot"] == "ANTHROPIC_API_KEY"
    assert win["credential"]["kind"] == "API key"
    (other,) = win["others"]
    assert other["where"] == "~/.claude/.credentials.json"
    assert other["scopes"] == ["user:inference", "user:profile"]


def test_json_is_alone_on_standard_output(tmp_path: Path) -> None:
    ended = doctor(good_home(tmp_path), "--json")
    assert ended.err == ""
    assert list(json.loads(ended.out)) == ["results", "wins"]


def test_a_home_full_of_canaries_stays_as_it_is_and_is_not_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install()
    furnish(home.home)
    settings = {"env": {"ANTHROPIC_AUTH_TOKEN": CANARY}, "apiKeyHelper": f"echo {CANARY}"}
    home.write(home.settings_file, settings, mode=0o644)
    state = {"primaryApiKey": API_KEY, "customApiKeyResponses": {"rejected": [CANARY[-20:]]}}
    home.write(home.home / ".claude.json", state)
    home.login(refreshToken=REFRESH, subscriptionType="max")
    home.profile(access_token=ACCESS, refresh_token=REFRESH, expires_at=1)
    before = contents(tmp_path)
    moving = {"CLAUDE_CONFIG_DIR"}  # it would lead away from the canaries
    variables = dict.fromkeys(set(VARIABLES) - moving, CANARY)

    for arguments in ((), ("--json",)):
        ended = doctor(home, *arguments, **variables)
        assert ended.code == 1, ended.err
        assert "canary" not in ended.out + ended.err
    ended = doctor(home, **variables, CLAUDE_CONFIG_DIR=f"/{CANARY}")
    assert "canary" not in ended.out + ended.err
    (tmp_path / "project").rmdir()  # made by the test itself
    after = contents(tmp_path)
    del before["."], after["."]
    assert after == before


def test_nothing_hidden_is_printed(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(scopes=["user:inference", "\x1b[31m\u202e\x07"], subscriptionType="\x1b]0;x\x07")
    home.variables["ANTHROPIC_BASE_URL"] = "http://\x1b.example"
    for arguments in ((), ("--json",)):
        assert not {"\x1b", "\u202e", "\x07"} & set(doctor(home, *arguments).out)


def test_no_program_is_run(tmp_path: Path) -> None:
    home = good_home(tmp_path)
    (tmp_path / "bin" / "claude").unlink()
    for name in ("claude", "node", "npm", "python", "python3", "security"):
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        path.chmod(0o755)
    home.settings(apiKeyHelper=str(tmp_path / "bin" / "claude"))
    assert "command-version-unknown" in doctor(home).out
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("place", "version"),
    [
        ("share/claude/versions/2.1.290", "2.1.290"),
        ("Caskroom/claude-code/2.1.291/claude", "2.1.291"),
        ("bin-3/claude", None),
    ],
)
def test_the_version_is_in_the_name_of_a_native_program(
    place: str, version: str | None, tmp_path: Path
) -> None:
    home = good_home(tmp_path)
    program = home.write(tmp_path / place, "\x7fELF", mode=0o755)
    link = tmp_path / "bin" / "claude"
    link.unlink()
    link.symlink_to(program)
    name = f"claude-code {version}" if version else "claude-code, version not known"
    assert name in told(home)["wins"]


def test_sdks_are_found_where_pythons_and_nodes_have_them(tmp_path: Path) -> None:
    home = good_home(tmp_path)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    (tmp_path / "bin" / "node").symlink_to(sys.executable)
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    for name in ("anthropic-0.90.0", "claude_agent_sdk-0.2.1", "anthropic_other-1.0"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    scope = tmp_path / "lib" / "node_modules" / "@anthropic-ai"
    home.write(scope / "sdk" / "package.json", {"version": "0.80.0"})
    home.write(tmp_path / "project/node_modules/@anthropic-ai/sdk/package.json", {"version": "x"})
    sdks = {each["summary"] for each in told(home)["results"] if each["id"] == "sdk"}
    assert {
        "anthropic-python 0.90.0",
        "agent-sdk-python 0.2.1",
        "anthropic-node 0.80.0",
        "anthropic-node of an unknown version",
    } <= sdks
    assert not {each for each in sdks if "1.0" in each.split()}


def test_a_folder_that_is_no_more_is_no_trouble(tmp_path: Path) -> None:
    home = good_home(tmp_path)
    gone = tmp_path / "gone"
    gone.mkdir()
    shell = shutil.which("sh") or "/bin/sh"
    program = f'cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" -P -m authprobe doctor'
    done = subprocess.run(
        [shell, "-c", program],
        env={
            "HOME": str(home.home),
            "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
            **SEPARATE,
            **home.variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_temporary_is_written(tmp_path: Path) -> None:
    home = good_home(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    doctor(home, TMPDIR=str(temporary), SSLKEYLOGFILE=str(temporary / "keys"))
    assert list(temporary.iterdir()) == []
