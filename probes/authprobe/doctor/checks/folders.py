"""Checks of the configuration folder: where the login is looked for, and what else is there."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authprobe.core.login_renewal import LOCK_FOLDER
from authprobe.doctor.inventory.config_folders import (
    KEYCHAIN_SERVICE,
    ConfigFolder,
    keychain_service,
)
from authprobe.doctor.inventory.credential_kinds import relative_time
from authprobe.doctor.inventory.environment import CONFIG_DIR
from authprobe.doctor.inventory.found_credentials import is_renewable, is_too_old, login_state
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.machine import MACOS, Machine
from authprobe.doctor.result import CheckResult, info, warning

AUTHENTICATION_DOCS: Final = "https://code.claude.com/docs/en/authentication"
VARIABLE_DOCS: Final = "https://code.claude.com/docs/en/env-vars"
KEYCHAIN_REPORT: Final = "https://github.com/robinebers/openusage/pull/424"


def check_config_folder(inventory: Inventory) -> Iterator[CheckResult]:
    """Report a configuration folder that is moved, or depends on the current folder."""
    machine = inventory.machine
    value = machine.config_value
    if value is None:
        return
    where = _config_label(inventory)
    if not os.path.isabs(value):  # noqa: PTH117 - Path would lose what makes spellings differ
        shape = "begins with ~, which is not expanded" if value[:1] == "~" else "is relative"
        yield warning(
            "config-folder-relative",
            f"{CONFIG_DIR} {shape if value else 'is empty'}: Claude Code takes the current folder "
            "for the beginning of the path, and finds another login in each folder.",
            where,
            cause="config-folder-mismatch",
            remedy=f"Write the whole path, such as {_whole_path(machine, value)}, or unset it.",
            source=VARIABLE_DOCS,
        )
    elif machine.moved_config is not None:
        yield info(
            "config-folder-in-settings",
            f"Settings move the login to {machine.display_path(machine.config_folder)}; "
            "programs that read the login themselves may look elsewhere.",
            where,
            source=VARIABLE_DOCS,
        )


def _whole_path(machine: Machine, value: str) -> Path:
    """Return the folder that is probably meant."""
    if value in ("", "~") or value.startswith("~/"):
        return machine.home / (value[2:].lstrip("/") or ".claude")
    return machine.home / ".claude" if value.startswith("~") else machine.config_folder


def _config_label(inventory: Inventory) -> str:
    machine = inventory.machine
    if machine.moved_config is None:
        return CONFIG_DIR
    return f"{CONFIG_DIR} in {machine.moved_by}"


def check_unused_login(inventory: Inventory) -> Iterator[CheckResult]:
    """Report logins in other configuration folders, which are not used."""
    machine = inventory.machine
    others = [each for each in inventory.config_folders[1:] if each.login_written]
    usual = next((each for each in others if each.path == machine.home / ".claude"), None)
    if usual and not inventory.login.has_record:
        others.remove(usual)
        yield warning(
            "login-elsewhere",
            f"{CONFIG_DIR} names a folder without a login, so the one in ~/.claude is not used.",
            _config_label(inventory),
            cause="config-folder-mismatch",
            remedy=f"Unset {CONFIG_DIR}, or log in while it is set.",
        )
    if others:
        yield _other_logins(inventory, others)


def _other_logins(inventory: Inventory, others: list[ConfigFolder]) -> CheckResult:
    """Return what to do with other logins: a warning if the one in use is of no use."""
    machine, login = inventory.machine, inventory.login
    folder, names = machine.display_path(machine.config_folder), _names(inventory, others)
    path = machine.display_path(others[0].path)
    if path.startswith("~/"):
        path = f'"$HOME{path[1:]}"'  # works wherever it is written, unlike `~`
    remedy = f"Start `{CONFIG_DIR}={path} claude` to use it."
    if len(others) > 1:
        remedy = f"Start `{CONFIG_DIR}=FOLDER claude` to use one of them."
    rest: dict[str, str] = {"remedy": remedy, "source": VARIABLE_DOCS}
    if inventory.active_credentials[0].credential is None and machine.platform != MACOS:
        text = f"Claude Code looks for the login in {folder}, where there is none, not in {names}."
        return warning("login-elsewhere", text, folder, cause="config-folder-mismatch", **rest)
    if not login.has_record:
        return info(
            "several-config-folders",
            f"There are logins that are not used in {names}.",
            folder,
            **rest,
        )
    text = f"The login of Claude Code is the one in {folder}, not that in {names}."
    is_over = login.expires is not None and login.expires <= machine.now
    if is_over and (not is_renewable(machine, login) or is_too_old(machine, login)):
        text = f"{text} It {login_state(machine, login)}."
        return warning("several-config-folders", text, folder, **rest)
    return info("several-config-folders", text, folder, **rest)


def _names(inventory: Inventory, folders: list[ConfigFolder]) -> str:
    machine = inventory.machine
    return ", ".join(
        f"{machine.display_path(each.path)} (written "
        f"{relative_time(each.login_written or machine.now, machine.now)})"
        for each in folders
    )


def check_refresh_lock(inventory: Inventory) -> Iterator[CheckResult]:
    """Report locks of a renewal of the login, which a process that died leaves behind."""
    machine = inventory.machine
    for folder in inventory.config_folders:
        if folder.lock_changed is None:
            continue
        where = machine.display_path(folder.path / LOCK_FOLDER)
        if not folder.has_stale_lock(machine.now):
            yield info(
                "refresh-lock",
                "A process renews the login right now; another one that needs it waits for some "
                "seconds, and then fails.",
                where,
                remedy="Try again in a minute.",
            )
            continue
        yield warning(
            "refresh-lock-stale",
            "A process that renewed the login left its lock behind "
            f"{relative_time(folder.lock_changed, machine.now)}.",
            where,
            cause="refresh-lock",
            remedy="Close the sessions of Claude Code, then remove this folder; log in again if "
            "the login does not work.",
        )


def check_keychain(inventory: Inventory) -> Iterator[CheckResult]:
    """Report what concerns the macOS Keychain, which is not read."""
    machine = inventory.machine
    if machine.platform != MACOS:
        return
    service = keychain_service(machine.config_value)
    yield info(
        "keychain-not-read",
        f'The login may be in the Keychain as "{service}", which the doctor does not read.',
        remedy=f'`security find-generic-password -s "{service}"` shows its dates and no token.',
        source=AUTHENTICATION_DOCS,
    )
    if inventory.value("SSH_CONNECTION"):
        yield warning(
            "keychain-by-ssh",
            "This is an SSH session, in which the Keychain is often locked.",
            "SSH_CONNECTION",
            cause="keychain-unavailable",
        )
    yield from _check_keychain_name(inventory, service)
    if inventory.login.has_record:
        yield info(
            "login-in-file",
            "There is a login in a file as well: Claude Code writes it where it cannot write to "
            "the Keychain, and the two may differ.",
            machine.display_path(inventory.login.file.path),
            remedy="If the login does not last, unlock the Keychain and log in again.",
            source="https://github.com/anthropics/claude-code/issues/80085",
        )


def _check_keychain_name(inventory: Inventory, service: str) -> Iterator[CheckResult]:
    value = inventory.machine.config_value
    if service == KEYCHAIN_SERVICE or value is None:
        return
    where = _config_label(inventory)
    is_default = inventory.machine.config_folder == inventory.machine.home / ".claude"
    if is_default or value != os.path.normpath(value):
        shape = "names the default folder" if is_default else "can be written in other ways"
        yield warning(
            "keychain-name",
            f"{CONFIG_DIR} {shape}, and the Keychain has a login for each way to write it: this "
            f'one is "{service}".',
            where,
            cause="config-folder-mismatch",
            remedy=f"Unset {CONFIG_DIR}, or log in while it is set; write it everywhere in the "
            "same way, without a slash at the end.",
            source=KEYCHAIN_REPORT,
        )
    else:
        yield info(
            "keychain-name-moved",
            f'{CONFIG_DIR} selects the login "{service}" of the Keychain; programs that know only '
            f'"{KEYCHAIN_SERVICE}" find another one, or none.',
            where,
            source=KEYCHAIN_REPORT,
        )
