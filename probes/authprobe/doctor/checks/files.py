"""Checks of the files in which credentials and settings are kept."""

import datetime
import os
from collections.abc import Iterator
from typing import Final

from authprobe.doctor.checks.variables import is_credential
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.safe_read import FileSnapshot, ReadProblem
from authprobe.doctor.result import CheckResult, error, info, warning

AUTHENTICATION: Final = "https://code.claude.com/docs/en/authentication"
SETTINGS: Final = "https://code.claude.com/docs/en/settings"
AHEAD: Final = datetime.timedelta(minutes=5)
"""How far in the future a file may have been written, on a clock that is right."""
REMEDIES: Final = {
    ReadProblem.NO_PERMISSION: "Give it back to the user who runs claude (chown, chmod u+rw).",
    ReadProblem.NOT_A_FILE: "Put a regular file in its place.",
    ReadProblem.LOOP: "Remove the link.",
    ReadProblem.TOO_LARGE: "See what has filled it; such a file has a few kB.",
    ReadProblem.NOT_TEXT: "Save it as UTF-8.",
    ReadProblem.NOT_JSON: "Correct it, for example with `python3 -m json.tool`.",
    ReadProblem.NOT_AN_OBJECT: "Correct it: it begins with { and ends with }.",
    ReadProblem.UNREADABLE: "See what `ls -l` says of it.",
}


def check_files(survey: Inventory) -> Iterator[CheckResult]:
    """Each file that is there and cannot be read, or is not what it must be."""
    profile = survey.profile
    for document in (
        survey.login.document,
        *(each.document for each in survey.settings),
        profile.config,
        profile.credentials,
    ):
        yield from _check_file(survey, document)
    state = survey.state.document
    if state.trouble is ReadProblem.TOO_LARGE:  # it grows with use
        yield info("file-too-large", f"It {state.trouble}.", survey.machine.shown(state.path))
    else:
        yield from _check_file(survey, state)


def _check_file(survey: Inventory, document: FileSnapshot) -> Iterator[CheckResult]:
    if document.trouble and document.is_there:
        yield error(
            f"file-{document.trouble.name.lower().replace('_', '-')}",
            f"It {document.trouble}.",
            survey.machine.shown(document.path),
            remedy=REMEDIES[document.trouble],
            source=SETTINGS,
        )


def check_permissions(survey: Inventory) -> Iterator[CheckResult]:
    """Files with a secret in them that others can read, or that belong to somebody else."""
    secret = [survey.login.document] if survey.login.record else []
    if survey.profile.access:
        secret.append(survey.profile.credentials)
    if survey.state.key:
        secret.append(survey.state.document)
    for each in survey.settings:
        if any(is_credential(name, value) for name, value in each.environment.items()):
            secret.append(each.document)
            if each.scope == "project":
                yield warning(
                    "secret-in-shared-settings",
                    "A credential stands in settings that are shared with the project.",
                    each.shown,
                    remedy="Take it out, make a new one, and set that in the environment.",
                    source=SETTINGS,
                )
    for document in secret:
        yield from _check_access(survey, document)


def _check_access(survey: Inventory, document: FileSnapshot) -> Iterator[CheckResult]:
    where = survey.machine.shown(document.path)
    if document.open_to_others:
        yield warning(
            "file-open-to-others",
            "Other users of this machine can read a file with a credential.",
            where,
            remedy=f"chmod 600 {where}",
            source=AUTHENTICATION,
        )
    if document.status and document.status.st_uid != os.geteuid():
        yield warning(
            "file-of-another-user",
            "A file with a credential belongs to another user; a renewed login may be lost.",
            where,
            remedy="Give it to the user who runs claude (chown); do not start claude with sudo.",
            source=AUTHENTICATION,
        )
    if document.is_link:
        yield info(
            "file-is-link",
            "The file is a symbolic link, which is replaced when a renewed login is written.",
            where,
            source="https://github.com/anthropics/claude-code/issues/76561",
        )
    written = document.status.st_mtime if document.status else 0
    if written > (survey.machine.now + AHEAD).timestamp():
        yield warning(
            "clock-behind",
            "The file was written in the future: the clock of this machine is, or was, wrong.",
            where,
            cause="clock-skew",
        )


def check_settings(survey: Inventory) -> Iterator[CheckResult]:
    """Keys of settings that have to do with credentials, and are of the wrong kind."""
    for each in survey.settings:
        tree = each.document.tree
        variables = tree.get("env", {})
        if not isinstance(variables, dict) or len(each.environment) < len(variables):
            yield warning(
                "settings-malformed",
                "`env` is not an object of texts; the rest of it does not count.",
                each.shown,
                remedy="Write each value of `env` in quotes.",
                source=SETTINGS,
            )
        if "apiKeyHelper" in tree and each.helper is None:
            yield warning(
                "settings-malformed",
                "`apiKeyHelper` is not a command.",
                each.shown,
                remedy="Write the command as a text, or take the key out.",
                source=SETTINGS,
            )
