"""Kinds of credentials by their prefix, and relative times: descriptions that reveal no value."""

import datetime
import enum
from typing import Final


class CredentialKind(enum.StrEnum):
    """Kinds of credentials that have a known prefix."""

    API_KEY = "API key"
    ADMIN_KEY = "admin key"
    ACCESS_TOKEN = "access token"
    REFRESH_TOKEN = "refresh token"
    IDENTITY_TOKEN = "identity token"
    OTHER = "unknown kind"


KIND_BY_PREFIX: Final = {
    "sk-ant-api": CredentialKind.API_KEY,
    "sk-ant-admin": CredentialKind.ADMIN_KEY,
    "sk-ant-oat": CredentialKind.ACCESS_TOKEN,
    "sk-ant-ort": CredentialKind.REFRESH_TOKEN,
    "eyJ": CredentialKind.IDENTITY_TOKEN,
}
"""platform.claude.com/docs/en/manage-claude/authentication, anthropics/claude-code#76561."""

LATEST: Final = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)
"""Latest moment: a file can state any number, and some file systems keep any time."""
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


def credential_kind(value: str) -> CredentialKind:
    """Return the kind of a credential by its prefix, ignoring quotes and spaces around it."""
    bare = value.strip(" \t\r\n\"'")
    return next(
        (kind for prefix, kind in KIND_BY_PREFIX.items() if bare.startswith(prefix)),
        CredentialKind.OTHER,
    )


def moment_of(seconds: float) -> datetime.datetime:
    """Return the moment this many seconds after 1970, at most `LATEST`."""
    epoch = datetime.datetime.fromtimestamp(0, datetime.UTC)
    try:
        return min(epoch + datetime.timedelta(seconds=seconds), LATEST)
    except OverflowError:
        return LATEST if seconds > 0 else epoch


def relative_time(moment: datetime.datetime, now: datetime.datetime) -> str:
    """Return the distance of a moment in words, such as `3 hours ago` or `in 2 days`."""
    seconds = (moment - now).total_seconds()
    duration = _duration(abs(seconds))
    return f"in {duration}" if seconds > 0 else f"{duration} ago"


def _duration(seconds: float) -> str:
    if seconds < _HOUR:
        return "less than an hour"
    number, unit = (seconds // _HOUR, "hour") if seconds < 2 * _DAY else (seconds // _DAY, "day")
    return f"{number:.0f} {unit}{'s' if number > 1 else ''}"
