"""Advice of the doctor names what to do, and where."""

import os
from pathlib import Path

import pytest

from authprobe.doctor.checks.registry import run_checks
from authprobe.doctor.inventory.declarations import option_declaration
from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.doctor.result import CheckResult
from tests.support.homes import CANARY, Home, hours_from_now, make_home


def result(home: Home, result_id: str, *gateways: str) -> CheckResult:
    """Return the only result with this id."""
    inventory = take_inventory(home.machine(), option_declaration(gateways, ()))
    (found,) = (each for each in run_checks(inventory) if each.id == result_id)
    return found


def test_a_cloud_is_named_with_the_setting_that_selects_it(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.login()
    home.settings(env={"CLAUDE_CODE_USE_VERTEX": "1"})
    found = result(home, "login-shadowed")
    assert found.summary == "Claude Code uses Google Vertex AI, and ignores the login."
    advice = "To use the login, remove CLAUDE_CODE_USE_VERTEX from ~/.claude/settings.json. "
    assert found.remedy
    assert found.remedy.startswith(advice)


def test_a_variable_of_the_shell_is_unset(tmp_path: Path) -> None:
    home = make_home(tmp_path, CLAUDE_CODE_USE_BEDROCK="1", AWS_PROFILE="x")
    home.login()
    remedy = result(home, "login-shadowed").remedy
    assert remedy
    assert remedy.startswith("To use the login, unset CLAUDE_CODE_USE_BEDROCK. ")


def test_a_profile_is_removed_or_no_longer_named(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_BASE_URL="https://gateway.example")
    home.profile("oidc_federation")
    home.login()
    first = "To use the login, first unset ANTHROPIC_BASE_URL, or the gateway gets it; then "
    advice = f"{first}remove ~/.config/anthropic/configs/default.json. "
    assert (result(home, "login-shadowed").remedy or "").startswith(advice)
    home.variables["ANTHROPIC_PROFILE"] = "work"
    advice = f"{first}unset ANTHROPIC_PROFILE. "
    assert (result(home, "login-shadowed").remedy or "").startswith(advice)


def test_no_login_is_sent_to_a_gateway_that_was_used_with_another_credential(
    tmp_path: Path,
) -> None:
    home = make_home(tmp_path, CLAUDE_CODE_USE_BEDROCK="1")
    home.login()
    home.settings(env={"ANTHROPIC_BASE_URL": "https://gateway.example"}, apiKeyHelper="/bin/key")
    first = "first remove ANTHROPIC_BASE_URL from ~/.claude/settings.json, or the gateway gets it;"
    assert first in (result(home, "login-shadowed").remedy or "")
    del home.variables["CLAUDE_CODE_USE_BEDROCK"]
    assert result(home, "login-shadowed").remedy == (
        f"To use the login, {first} then remove apiKeyHelper from ~/.claude/settings.json. "
        "If it is on purpose: `--gateway https://gateway.example` keeps this warning away once, "
        'and `gateways = ["https://gateway.example"]` under `[doctor]` in '
        "~/.config/authprobe/authprobe.toml always."
    )


def test_a_login_that_is_forced_is_not_sent_to_a_gateway(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_API_KEY=CANARY, ANTHROPIC_BASE_URL="https://gw.example")
    managed = home.folder / "root" / "etc" / "claude-code" / "managed-settings.json"
    home.write(managed, {"forceLoginMethod": "claudeai"})
    assert result(home, "login-forced").remedy == (
        "To log in, first unset ANTHROPIC_BASE_URL, or the gateway gets it; then remove "
        "ANTHROPIC_API_KEY."
    )


def test_without_a_gateway_only_the_key_is_unset(tmp_path: Path) -> None:
    home = make_home(tmp_path, ANTHROPIC_API_KEY=CANARY)
    home.login()
    assert result(home, "login-shadowed").remedy == "To use the login, unset ANTHROPIC_API_KEY."


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("", "{home}/.claude"),
        ("~", "{home}/.claude"),
        ("~/.claude-work", "{home}/.claude-work"),
        ("~other/x", "{home}/.claude"),
        ("x", "{folder}/x"),
    ],
)
def test_the_whole_path_of_a_folder_is_the_one_that_is_meant(
    tmp_path: Path, value: str, meant: str
) -> None:
    home = make_home(tmp_path, CLAUDE_CONFIG_DIR=value)
    machine = home.machine()
    path = meant.format(home=machine.home, folder=machine.folder)
    remedy = result(home, "config-folder-relative").remedy
    assert remedy == f"Write the whole path, such as {path}, or unset it."


def test_several_clouds_are_both_or_all_enabled(tmp_path: Path) -> None:
    home = make_home(tmp_path, CLAUDE_CODE_USE_BEDROCK="1", CLAUDE_CODE_USE_VERTEX="1")
    home.login()
    advice = "unset CLAUDE_CODE_USE_BEDROCK and unset CLAUDE_CODE_USE_VERTEX."
    assert advice in (result(home, "login-shadowed").remedy or "")
    assert "are both enabled" in result(home, "several-providers").summary
    home.variables["CLAUDE_CODE_USE_FOUNDRY"] = "1"
    assert "are all enabled" in result(home, "several-providers").summary


def test_the_option_that_declares_is_named(tmp_path: Path) -> None:
    url = "https://gateway.example"
    home = make_home(tmp_path, ANTHROPIC_BASE_URL=url, ANTHROPIC_AUTH_TOKEN=CANARY)
    assert "as --gateway declares" in result(home, "gateway", url).summary


def test_a_login_that_waits_for_a_lock_says_so(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    path = home.login(expiresAt=hours_from_now(-3))
    lock = path.with_name(".oauth_refresh.lock")
    lock.mkdir()
    assert "once the lock is removed" not in result(home, "login").summary
    os.utime(lock, (1, 1))
    assert result(home, "login").summary.endswith("will be renewed once the lock is removed.")


def test_another_folder_is_named_in_the_command(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.write(home.home / ".claude-work" / ".credentials.json", "not read")
    found = result(home, "login-elsewhere")
    assert found.remedy == 'Start `CLAUDE_CONFIG_DIR="$HOME/.claude-work" claude` to use it.'
    home.login(expiresAt=hours_from_now(-3), refreshToken="")
    found = result(home, "several-config-folders")
    assert "not that in ~/.claude-work" in found.summary
    assert found.summary.endswith("It expired 3 hours ago, and cannot be renewed.")
