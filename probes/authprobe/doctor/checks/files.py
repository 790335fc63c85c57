"""Checks of the files that contain credentials and settings."""

import datetime
import os
from collections.abc import Iterator
from typing import Final

from authprobe.core.safe_read import FileSnapshot, ReadProblem
from authprobe.doctor.checks.variables import is_credential
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, error, info, warning

AUTHENTICATION_DOCS: Final = "https://code.claude.com/docs/en/authentication"
SETTINGS_DOCS: Final = "https://code.claude.com/docs/en/settings"
CLOCK_TOLERANCE: Final = datetime.timedelta(minutes=5)
"""Time in the future that a file's modification time may have with a correct clock."""
REMEDIES: Final = {
    ReadProblem.NO_PERMISSION: "Give the file to the user who runs claude (chown, chmod u+rw).",
    ReadProblem.NOT_A_FILE: "Replace it by a regular file.",
    ReadProblem.LOOP: "Remove the link.",
    ReadProblem.TOO_LARGE: "Find out which program fills it; its usual size is a few kB.",
    ReadProblem.NOT_TEXT: "Save it as UTF-8.",
    ReadProblem.NOT_JSON: "Find the error, for example with `python3 -m json.tool`.",
    ReadProblem.NOT_AN_OBJECT: "Correct it: it must begin with { and end with }.",
    ReadProblem.UNREADABLE: "Check the file with `ls -l`.",
}


def check_readability(inventory: Inventory) -> Iterator[CheckResult]:
    """Report each existing file that cannot be read, or has the wrong format."""
    profile = inventory.profile
    for file in (
        inventory.login.file,
        *(settings.file for settings in inventory.settings),
        profile.config,
        profile.credentials,
    ):
        yield from _check_readability(inventory, file)
    state = inventory.state.file
    if state.problem is ReadProblem.TOO_LARGE:  # normal: it grows with use
        where = inventory.machine.display_path(state.path)
        yield info("file-too-large", f"The file {state.problem}.", where)
    else:
        yield from _check_readability(inventory, state)


def _check_readability(inventory: Inventory, file: FileSnapshot) -> Iterator[CheckResult]:
    if file.problem and file.exists:
        yield error(
            f"file-{file.problem.name.lower().replace('_', '-')}",
            f"The file {file.problem}.",
            inventory.machine.display_path(file.path),
            remedy=REMEDIES[file.problem],
            source=SETTINGS_DOCS,
        )


def check_access(inventory: Inventory) -> Iterator[CheckResult]:
    """Report files with a credential that are readable by others, owned by others or shared."""
    secret_files = [inventory.login.file] if inventory.login.has_record else []
    if inventory.profile.access_token:
        secret_files.append(inventory.profile.credentials)
    if inventory.state.api_key:
        secret_files.append(inventory.state.file)
    for settings in inventory.settings:
        if any(is_credential(name, value) for name, value in settings.variables.items()):
            secret_files.append(settings.file)
            if settings.scope == "project":
                yield warning(
                    "secret-in-shared-settings",
                    "These settings are shared with the project, and contain a credential.",
                    settings.display_path,
                    remedy="Remove it, create a new one, and set that in the environment.",
                    source=SETTINGS_DOCS,
                )
    for file in secret_files:
        yield from _check_access(inventory, file)


def _check_access(inventory: Inventory, file: FileSnapshot) -> Iterator[CheckResult]:
    where = inventory.machine.display_path(file.path)
    if file.readable_by_others:
        yield warning(
            "file-open-to-others",
            "Other users of this machine can read this file, which contains a credential.",
            where,
            remedy=f"chmod 600 {where}",
            source=AUTHENTICATION_DOCS,
        )
    if file.status and file.status.st_uid != os.geteuid():
        yield warning(
            "file-of-another-user",
            "Another user owns this file with a credential; a refreshed login may be lost.",
            where,
            remedy="Give it to the user who runs claude (chown); do not start claude with sudo.",
            source=AUTHENTICATION_DOCS,
        )
    if file.is_link:
        yield info(
            "file-is-link",
            "The file is a symbolic link; saving a refreshed login replaces the link by a file.",
            where,
            source="https://github.com/anthropics/claude-code/issues/76561",
        )
    modified = file.status.st_mtime if file.status else 0
    if modified > (inventory.machine.now + CLOCK_TOLERANCE).timestamp():
        yield warning(
            "clock-behind",
            "The file's modification time is in the future: the clock is wrong now, or was then.",
            where,
            cause="clock-skew",
        )


def check_settings_types(inventory: Inventory) -> Iterator[CheckResult]:
    """Report settings about credentials whose values have the wrong type."""
    for settings in inventory.settings:
        data = settings.file.data
        variables = data.get("env", {})
        if not isinstance(variables, dict) or len(settings.variables) < len(variables):
            yield warning(
                "settings-malformed",
                "`env` is not an object of strings; other values in it are ignored.",
                settings.display_path,
                remedy="Put each value of `env` in quotes.",
                source=SETTINGS_DOCS,
            )
        if "apiKeyHelper" in data and settings.api_key_helper is None:
            yield warning(
                "settings-malformed",
                "`apiKeyHelper` is not a command.",
                settings.display_path,
                remedy="Write the command as a string, or remove the key.",
                source=SETTINGS_DOCS,
            )
