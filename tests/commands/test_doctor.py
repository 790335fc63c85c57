"""`authprobe doctor` as a user runs it, in prepared homes."""

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
    """Run the command with this home and these variables only."""
    machine = home.machine()
    path = ":".join([*map(str, machine.search_path), "/usr/bin", "/bin"])
    process = subprocess.run(
        command("doctor", *arguments),
        cwd=machine.folder,
        env={"HOME": str(home.home), "PATH": path, **SEPARATE, **home.variables, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)


def doctor_json(home: Home, **variables: str) -> dict[str, Any]:
    """Return the JSON output of the command."""
    output: dict[str, Any] = json.loads(doctor(home, "--json", **variables).out)
    return output


def healthy_home(folder: Path) -> Home:
    """Return a home without problems, whatever the date."""
    home = make_home(folder, CLAUDE_CODE_OAUTH_TOKEN=ACCESS)
    home.settings(model="opus")
    return home


def test_a_healthy_home_exits_with_0(tmp_path: Path) -> None:
    process = doctor(healthy_home(tmp_path))
    assert (process.code, process.err) == (0, "")
    assert "command: Claude Code 2.1.330" in process.out
    assert (
        "claude-code 2.1.330 uses CLAUDE_CODE_OAUTH_TOKEN: access token, not verified"
        in process.out
    )


def test_information_alone_exits_with_0(tmp_path: Path) -> None:
    process = doctor(healthy_home(tmp_path), HTTPS_PROXY="http://proxy.example:3128")
    assert process.code == 0
    assert (
        "information\n  proxy: Requests go through the proxy http://proxy.example:3128"
        in process.out
    )


@pytest.mark.parametrize(
    ("variable", "severity"),
    [({"ANTHROPIC_API_KEY": ACCESS}, "errors"), ({"ANTHROPIC_API_KEY": ""}, "warnings")],
)
def test_an_error_or_a_warning_exits_with_1(
    variable: dict[str, str], severity: str, tmp_path: Path
) -> None:
    process = doctor(healthy_home(tmp_path), **variable)
    assert process.code == 1
    assert process.out.startswith("credentials\n")
    assert f"\n{severity}\n" in process.out


def test_an_unknown_option_exits_with_4(tmp_path: Path) -> None:
    assert doctor(healthy_home(tmp_path), "--run-it").code == 4


def test_the_first_lines_say_which_credential_is_used_and_why(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_API_KEY=API_KEY, CLAUDE_CODE_OAUTH_TOKEN=ACCESS)
    home.login(expiresAt=1_000_000_000_000)
    home.settings(env={"ANTHROPIC_API_KEY": f"{API_KEY}2"})
    lines = doctor(home).out.splitlines()
    assert lines[:4] == [
        "credentials",
        "  claude-code 2.1.330 uses ANTHROPIC_API_KEY [in ~/.claude/settings.json]: "
        "API key, not verified",
        "      why: Claude Code looks for ANTHROPIC_API_KEY before CLAUDE_CODE_OAUTH_TOKEN and the "
        "login; settings override the value in environment",
        "      ignores CLAUDE_CODE_OAUTH_TOKEN: access token, not verified",
    ]
    assert lines[4].startswith("      ignores login [~/.claude/.credentials.json]: ")


def test_what_is_on_purpose_is_no_problem(tmp_path: Path) -> None:
    url = "https://gateway.example"
    home = make_home(tmp_path, ANTHROPIC_BASE_URL=url, ANTHROPIC_AUTH_TOKEN=CANARY)
    home.login(expiresAt=4_000_000_000_000)
    process = doctor(home)
    assert process.code == 1
    assert f"`--gateway {url}` keeps this warning away once, and `gateways = " in process.out
    assert "in ~/.config/authprobe/authprobe.toml" in process.out
    assert process.out.splitlines()[3] == f"      sent to the gateway {url}"
    assert doctor_json(home)["wins"]["claude-code 2.1.330"]["gateway"] == url
    process = doctor(home, "--gateway", url)
    assert process.code == 0
    assert "shadowed-on-purpose: Claude Code uses ANTHROPIC_AUTH_TOKEN" in process.out
    home.write(home.own_config_folder / "authprobe.toml", f'[doctor]\ngateways = ["{url}"]')
    process = doctor(home)
    assert process.code == 0
    assert "as ~/.config/authprobe/authprobe.toml declares" in process.out


@pytest.mark.parametrize(
    "arguments", [("--gateway", "gateway"), ("--cloud", "aws"), ("--gateway", "")]
)
def test_an_invalid_declaration_exits_with_4(arguments: tuple[str, str], tmp_path: Path) -> None:
    process = doctor(healthy_home(tmp_path), *arguments)
    assert (process.code, process.out) == (4, "")


def test_an_invalid_file_exits_with_4_and_says_where(tmp_path: Path) -> None:
    home = healthy_home(tmp_path)
    home.write(home.project / "authprobe.toml", "[doctor]\ngatways = []")
    process = doctor(home)
    assert (process.code, process.out) == (4, "")
    assert process.err == (
        "authprobe.toml:2: doctor.gatways: unknown key; did you mean 'gateways'?\n"
    )


def test_errors_come_first_with_their_remedies(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(accessToken="", refreshToken="", expiresAt=0)
    home.variables["HTTPS_PROXY"] = "http://proxy.example"
    out = doctor(home).out
    titles = [line for line in out.splitlines() if not line.startswith(" ")]
    assert titles == ["credentials", "errors", "information", "ok"]
    assert "login-blanked: The stored login exists, but its tokens are empty. [~/.claude/" in out
    assert "remedy: Log in once more, with the other sessions closed" in out
    assert "cause: credential-blanked" in out
    assert "claude-code 2.1.330: no credential found" in out


def test_a_long_remedy_is_printed_to_its_end(tmp_path: Path) -> None:
    home = healthy_home(tmp_path)
    home.login()
    home.settings(env={"ANTHROPIC_BASE_URL": "https://gateway.example"}, apiKeyHelper="/bin/true")
    (remedy,) = (
        result["remedy"]
        for result in doctor_json(home)["results"]
        if result["id"] == "login-shadowed"
    )
    assert len(remedy) > 300
    assert remedy.endswith(" always.")
    assert f"remedy: {remedy}\n" in doctor(home).out


def test_output_has_no_colour_without_a_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in doctor(healthy_home(tmp_path), TERM="xterm-256color").out


def test_json_has_results_and_active_credentials(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_API_KEY=API_KEY)
    home.login()
    output = doctor_json(home)
    (shadowed,) = [each for each in output["results"] if each["id"] == "login-shadowed"]
    assert shadowed["severity"] == "warning"
    assert shadowed["where"] == "ANTHROPIC_API_KEY"
    assert shadowed["cause"] == "ambient-credential-shadows"
    assert shadowed["remedy"]
    assert shadowed["sources"]
    active = output["wins"]["claude-code 2.1.330"]
    assert active["credential"]["slot"] == "ANTHROPIC_API_KEY"
    assert active["credential"]["kind"] == "API key"
    (other,) = active["others"]
    assert other["where"] == "~/.claude/.credentials.json"
    assert other["scopes"] == ["user:inference", "user:profile"]


def test_standard_output_contains_only_json(tmp_path: Path) -> None:
    process = doctor(healthy_home(tmp_path), "--json")
    assert process.err == ""
    assert list(json.loads(process.out)) == ["wins", "results"]


def test_credentials_are_neither_printed_nor_changed(tmp_path: Path) -> None:
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
    moved = {"CLAUDE_CONFIG_DIR"}  # the doctor would not read the canaries in the home
    variables = dict.fromkeys(set(VARIABLES) - moved, CANARY)

    for arguments in ((), ("--json",)):
        process = doctor(home, *arguments, **variables)
        assert process.code == 1, process.err
        assert "canary" not in process.out + process.err
    process = doctor(home, **variables, CLAUDE_CONFIG_DIR=f"/{CANARY}")
    assert "canary" not in process.out + process.err
    (tmp_path / "project").rmdir()  # created by the test itself
    after = contents(tmp_path)
    del before["."], after["."]
    assert after == before


def test_control_characters_are_not_printed(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login(scopes=["user:inference", "\x1b[31m\u202e\x07"], subscriptionType="\x1b]0;x\x07")
    home.variables["ANTHROPIC_BASE_URL"] = "http://\x1b.example"
    for arguments in ((), ("--json",)):
        assert not {"\x1b", "\u202e", "\x07"} & set(doctor(home, *arguments).out)


def test_no_program_is_executed(tmp_path: Path) -> None:
    home = healthy_home(tmp_path)
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
def test_the_path_of_a_native_program_has_its_version(
    place: str, version: str | None, tmp_path: Path
) -> None:
    home = healthy_home(tmp_path)
    program = home.write(tmp_path / place, "\x7fELF", mode=0o755)
    link = tmp_path / "bin" / "claude"
    link.unlink()
    link.symlink_to(program)
    name = f"claude-code {version}" if version else "claude-code, version not known"
    assert name in doctor_json(home)["wins"]


def test_sdks_are_found_in_the_package_folders_of_python_and_node(tmp_path: Path) -> None:
    home = healthy_home(tmp_path)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    (tmp_path / "bin" / "node").symlink_to(sys.executable)
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    for name in ("anthropic-0.90.0", "claude_agent_sdk-0.2.1", "anthropic_other-1.0"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    scope = tmp_path / "lib" / "node_modules" / "@anthropic-ai"
    home.write(scope / "sdk" / "package.json", {"version": "0.80.0"})
    home.write(tmp_path / "project/node_modules/@anthropic-ai/sdk/package.json", {"version": "x"})
    sdks = {each["summary"] for each in doctor_json(home)["results"] if each["id"] == "sdk"}
    assert {
        "anthropic-python 0.90.0",
        "agent-sdk-python 0.2.1",
        "anthropic-node 0.80.0",
        "anthropic-node (unknown version)",
    } <= sdks
    assert not {each for each in sdks if "1.0" in each.split()}


def test_a_deleted_current_folder_is_not_an_error(tmp_path: Path) -> None:
    home = healthy_home(tmp_path)
    folder = tmp_path / "deleted"
    folder.mkdir()
    shell = shutil.which("sh") or "/bin/sh"
    program = f'cd "{folder}" && rmdir "{folder}" && exec "{sys.executable}" -P -m authprobe doctor'
    process = subprocess.run(
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
    assert (process.returncode, process.stderr) == (0, "")


def test_no_temporary_file_is_written(tmp_path: Path) -> None:
    home = healthy_home(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    doctor(home, TMPDIR=str(temporary), SSLKEYLOGFILE=str(temporary / "keys"))
    assert list(temporary.iterdir()) == []
