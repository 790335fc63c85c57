"""Commands of Claude Code that may renew the stored login, and versions in which they do.

A renewal exchanges the refresh token and rewrites the credentials file, so a copy of the login that
is kept elsewhere may stop working. Measured with the unmodified `claude` against the emulator in a
network namespace of its own, on 2026-11-27; `tests/clients/claude_code/test_login_renewal.py`
repeats it.
"""

import enum
from typing import Final

from authprobe.core.version_ranges import EXACT, version_key

LOCK_FOLDER: Final = ".oauth_refresh.lock"
"""Folder beside the login while a process renews it (since Claude Code 2.1.218)."""
LOCK_STALE_SECONDS: Final = 60
"""Age from which a lock counts as left behind."""
RENEWAL_MINUTES: Final = 5
"""Minutes before its end from which a login is renewed: with 4 minutes left, not with 6."""
MEASURED_UNTIL: Final = "2.1.332"
"""Newest version that was measured; a newer one counts as renewing."""


class LoginCommand(enum.StrEnum):
    """Commands of Claude Code that can read the stored login."""

    VERSION = "--version"
    HELP = "--help"
    PROMPT = "-p"
    BARE_PROMPT = "-p --bare"
    AUTH_STATUS = "auth status"
    DOCTOR = "doctor"


NEVER: Final = frozenset({LoginCommand.VERSION, LoginCommand.HELP})
STATUS_ONLY_READS_UNTIL: Final = "2.1.112"
"""Newest version whose `auth status` never asked for new tokens.

Later ones begin a renewal and exit without waiting for it, so the same version may renew the login,
leave it, or, worst, use its refresh token up without storing the new one: each was seen with
2.1.182, 2.1.239, 2.1.240 and 2.1.266 on 2026-11-28.
"""


def may_renew(
    command: LoginCommand,
    version: str,
    *,
    minutes_left: float,
    has_environment_token: bool = False,
    has_api_key: bool = False,
    has_refresh_token: bool = True,
    access_refused: bool = True,
) -> bool:
    """Return True if the command may renew a stored login that ends in so many minutes.

    `version` that is not a version, or newer than the measurements, counts as renewing, and
    `access_refused` (the service may answer 401) is assumed unless it is ruled out: each question
    then renews a login that has hours left. `has_environment_token` means CLAUDE_CODE_OAUTH_TOKEN;
    an API key in the environment alone stops nothing, as `-p` renews a login that it does not use.
    """
    if command in NEVER or not has_refresh_token:
        return False
    if not _is_measured(version):
        return True
    if command is LoginCommand.BARE_PROMPT:
        return not has_api_key
    if command is LoginCommand.PROMPT and has_environment_token:
        return False
    if command is LoginCommand.AUTH_STATUS and not _is_newer(version, STATUS_ONLY_READS_UNTIL):
        return False
    if minutes_left <= RENEWAL_MINUTES:
        return True
    return command is LoginCommand.PROMPT and access_refused


def _is_measured(version: str) -> bool:
    return bool(EXACT.fullmatch(version)) and not _is_newer(version, MEASURED_UNTIL)


def _is_newer(version: str, other: str) -> bool:
    return version_key(version) > version_key(other)
