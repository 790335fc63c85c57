"""Checks of the records in which credentials are kept."""

from collections.abc import Iterator
from typing import Final

from authprobe.doctor.inventory.credential_kinds import relative_time
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.machine import DARWIN
from authprobe.doctor.inventory.precedence import login_state
from authprobe.doctor.result import CheckResult, error, info, ok, warning

AUTHENTICATION: Final = "https://code.claude.com/docs/en/authentication"
PROFILES: Final = "https://platform.claude.com/docs/en/manage-claude/wif-reference"
INFERENCE: Final = frozenset({"user:inference", "user:ccr_inference"})
"""One of these is needed to ask a model (anthropics/claude-code#22450)."""


def check_login(survey: Inventory) -> Iterator[CheckResult]:
    """The stored login of Claude Code."""
    machine, login = survey.machine, survey.login
    where = machine.shown(login.document.path)
    if machine.platform == DARWIN:
        yield from _check_keychain(survey)
    if login.malformed:
        yield error(
            "login-malformed",
            f"Of the stored login {', '.join(login.malformed)} is not of the kind that it must be.",
            where,
            cause="credential-malformed",
            remedy="Log in again (`claude auth logout`, `claude auth login`).",
        )
    elif login.document.is_there and not login.document.trouble and not login.record:
        yield info("login-missing", "The file holds no login of Claude Code.", where)
    if login.blanked:
        later = login.refresh_expires and login.refresh_expires > machine.now
        rest = "; the refresh token that it had would still be good" if later else ""
        yield error(
            "login-blanked",
            f"The stored login is there and its tokens are empty{rest}.",
            where,
            cause="credential-blanked",
        )
    elif login.record and not login.malformed:
        yield from _check_expiry(survey, where)
        yield from _check_scopes(survey, where)


def _check_keychain(survey: Inventory) -> Iterator[CheckResult]:
    yield info(
        "keychain-not-read",
        "The login may be in the Keychain, which is not looked into.",
        remedy="`claude doctor` and /status say what Claude Code finds there.",
        source=AUTHENTICATION,
    )
    if survey.value("SSH_CONNECTION"):
        yield warning(
            "keychain-by-ssh",
            "This is a session by SSH, from which the Keychain is often locked.",
            "SSH_CONNECTION",
            cause="keychain-unavailable",
        )


def _check_expiry(survey: Inventory, where: str) -> Iterator[CheckResult]:
    machine, login = survey.machine, survey.login
    state = login_state(machine, login)
    if login.expiry_in_seconds:
        yield warning(
            "expiry-in-seconds",
            "The expiry is in seconds, where milliseconds are meant: the login looks expired.",
            where,
            remedy="Log in again with Claude Code, and see which other program writes this file.",
            source="https://github.com/Wei-Shaw/sub2api/issues/5471",
        )
    elif login.expires and login.expires.timestamp() == 0:
        yield warning(
            "expiry-zero",
            "The expiry is 0: the login looks expired, and is renewed at each start.",
            where,
            cause="cli-regression",
            remedy="Log in again, with another version than 2.1.221.",
            source="https://github.com/anthropics/claude-code/issues/83834",
        )
    elif login.expires and login.expires <= machine.now and not login.refresh:
        yield error("login-expired", f"The login {state}.", where, cause="access-token-expired")
    elif login.refresh_expires and login.refresh_expires <= machine.now:
        yield error(
            "refresh-token-expired",
            f"The refresh token expired {relative_time(login.refresh_expires, machine.now)}.",
            where,
            cause="refresh-token-rejected",
            remedy="Log in again (`claude auth login`).",
        )
    else:
        yield ok("login", f"A login that {state}.", where)


def _check_scopes(survey: Inventory, where: str) -> Iterator[CheckResult]:
    scopes = survey.login.scopes
    if scopes is not None and not INFERENCE & set(scopes):
        yield error(
            "scope-missing",
            "The login has no scope for asking a model.",
            where,
            cause="scope-missing",
            remedy="Log in again (`claude auth login`).",
        )


def check_other_login(survey: Inventory) -> Iterator[CheckResult]:
    """A login in the usual place while the configuration has been moved."""
    machine = survey.machine
    usual = machine.home / ".claude" / ".credentials.json"
    try:
        there = usual != survey.login.document.path and usual.is_file()
    except OSError:
        there = False
    if there and not survey.login.record:
        yield warning(
            "login-elsewhere",
            "CLAUDE_CONFIG_DIR leads away from the login in ~/.claude to where there is none.",
            "CLAUDE_CONFIG_DIR",
            cause="credential-missing",
            remedy="Unset CLAUDE_CONFIG_DIR, or log in with it set.",
        )


def check_profile(survey: Inventory) -> Iterator[CheckResult]:
    """The active profile of the API's SDKs and `ant`."""
    machine, profile = survey.machine, survey.profile
    where = machine.shown(profile.config.path)
    if profile.chosen and not profile.config.is_there:
        yield error(
            "profile-missing",
            f"{profile.chosen} names a profile that is not there.",
            where,
            remedy="Make it (`ant auth login`), or choose another one.",
            source=PROFILES,
        )
    expired = profile.expires is not None and profile.expires <= machine.now
    if profile.kind == "user_oauth" and expired and not profile.renewable and profile.expires:
        yield error(
            "profile-expired",
            f"The login of the profile expired {relative_time(profile.expires, machine.now)}, "
            "and cannot be renewed.",
            machine.shown(profile.credentials.path),
            remedy="Log in again (`ant auth login`).",
            source=PROFILES,
        )
    if profile.kind == "user_oauth" and not profile.access and not profile.credentials.trouble:
        yield error(
            "profile-blanked",
            "The profile is there and has no access token.",
            machine.shown(profile.credentials.path),
            remedy="Log in again (`ant auth login`).",
            source=PROFILES,
        )
