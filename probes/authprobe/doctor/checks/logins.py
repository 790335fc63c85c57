"""Checks of the stored login and of the active profile."""

from collections.abc import Iterator
from typing import Final

from authprobe.core.claude_api import PROMPT_SCOPES
from authprobe.doctor.inventory.credential_kinds import relative_time
from authprobe.doctor.inventory.found_credentials import is_too_old, login_state
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, error, info, ok, warning

PROFILE_DOCS: Final = "https://platform.claude.com/docs/en/manage-claude/wif-reference"
LOG_IN: Final = "Log in again (`claude auth login`)."
LOG_IN_TO_PROFILE: Final = "Log in again (`ant auth login`)."


def check_login(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the state of Claude Code's stored login."""
    machine, login = inventory.machine, inventory.login
    where = machine.display_path(login.file.path)
    if login.malformed_fields:
        yield error(
            "login-malformed",
            f"The stored login has values of the wrong type: {', '.join(login.malformed_fields)}.",
            where,
            cause="credential-malformed",
            remedy=LOG_IN,
        )
    elif login.file.exists and not login.file.problem and not login.has_record:
        yield info("login-missing", "The file contains no login of Claude Code.", where)
    if login.is_blanked:
        is_valid = login.refresh_token_expires and login.refresh_token_expires > machine.now
        detail = "; its former refresh token would still be valid" if is_valid else ""
        yield error(
            "login-blanked",
            f"The stored login exists, but its tokens are empty{detail}.",
            where,
            cause="credential-blanked",
        )
    elif login.has_record and not login.malformed_fields:
        yield _expiry_result(inventory, where)
        yield from _check_scopes(inventory, where)


def _expiry_result(inventory: Inventory, where: str) -> CheckResult:
    now, login = inventory.machine.now, inventory.login
    state = login_state(inventory.machine, login)
    if login.expiry_in_seconds:
        return warning(
            "expiry-in-seconds",
            "The expiry is in seconds instead of milliseconds, so the login appears expired.",
            where,
            remedy="Log in again with Claude Code, and find the other program that writes "
            "this file.",
            source="https://github.com/Wei-Shaw/sub2api/issues/5471",
        )
    if login.expires and login.expires.timestamp() == 0:
        return warning(
            "expiry-zero",
            "The expiry is 0, so the login appears expired and is refreshed at every start.",
            where,
            cause="cli-regression",
            remedy="Log in again with a version other than 2.1.221.",
            source="https://github.com/anthropics/claude-code/issues/83834",
        )
    if login.expires and login.expires <= now and not login.refresh_token:
        return warning("login-expired", f"The login {state}.", where, cause="access-token-expired")
    if login.refresh_token_expires and login.refresh_token_expires <= now:
        return error(
            "refresh-token-expired",
            f"The refresh token expired {relative_time(login.refresh_token_expires, now)}.",
            where,
            cause="refresh-token-rejected",
            remedy=LOG_IN,
        )
    if is_too_old(inventory.machine, login):
        return warning(
            "login-old",
            f"The login {state}.",
            where,
            cause="refresh-token-rejected",
            remedy=LOG_IN,
        )
    if login.is_locked and login.expires and login.expires <= now:
        return info("login", f"The login {state}.", where)
    return ok("login", f"The login {state}.", where)


def _check_scopes(inventory: Inventory, where: str) -> Iterator[CheckResult]:
    scopes = inventory.login.scopes
    if scopes is not None and not PROMPT_SCOPES & set(scopes):
        yield error(
            "scope-missing",
            "The login lacks the scope for sending prompts.",
            where,
            cause="scope-missing",
            remedy=LOG_IN,
        )


def check_profile(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the state of the active profile of the API's SDKs and `ant`."""
    machine, profile = inventory.machine, inventory.profile
    config = machine.display_path(profile.config.path)
    credentials = machine.display_path(profile.credentials.path)
    if profile.selected_by and not profile.config.exists:
        yield error(
            "profile-missing",
            f"{profile.selected_by} names a profile that does not exist.",
            config,
            remedy="Create it (`ant auth login`), or select another one.",
            source=PROFILE_DOCS,
        )
    if profile.kind != "user_oauth":
        return
    if profile.expires and profile.expires <= machine.now and not profile.is_renewable:
        time = relative_time(profile.expires, machine.now)
        yield error(
            "profile-expired",
            f"The login of the profile expired {time}, and cannot be refreshed.",
            credentials,
            remedy=LOG_IN_TO_PROFILE,
            source=PROFILE_DOCS,
        )
    if not profile.access_token and not profile.credentials.problem:
        yield error(
            "profile-blanked",
            "The profile exists, but has no access token.",
            credentials,
            remedy=LOG_IN_TO_PROFILE,
            source=PROFILE_DOCS,
        )
