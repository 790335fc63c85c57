"""What can be said of a value without showing any of it."""

import datetime
import enum
from typing import Final


class CredentialKind(enum.StrEnum):
    """What a value is, by its shape."""

    API_KEY = "API key"
    ADMIN_KEY = "admin key"
    ACCESS_TOKEN = "access token"
    REFRESH_TOKEN = "refresh token"
    IDENTITY_TOKEN = "identity token"
    OTHER = "another kind of value"


BEGINNINGS: Final = {
    "sk-ant-api": CredentialKind.API_KEY,
    "sk-ant-admin": CredentialKind.ADMIN_KEY,
    "sk-ant-oat": CredentialKind.ACCESS_TOKEN,
    "sk-ant-ort": CredentialKind.REFRESH_TOKEN,
    "eyJ": CredentialKind.IDENTITY_TOKEN,
}
"""platform.claude.com/docs/en/manage-claude/authentication, anthropics/claude-code#76561."""

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


def credential_kind(value: str) -> CredentialKind:
    """The kind of a credential by how it begins."""
    bare = value.strip(" \t\r\n\"'")
    return next(
        (kind for start, kind in BEGINNINGS.items() if bare.startswith(start)), CredentialKind.OTHER
    )


def relative_time(moment: datetime.datetime, now: datetime.datetime) -> str:
    """How long ago, or in how long: `3 hours ago`, `in 2 days`."""
    seconds = (moment - now).total_seconds()
    span = _span(abs(seconds))
    return f"in {span}" if seconds > 0 else f"{span} ago"


def _span(seconds: float) -> str:
    if seconds < _HOUR:
        return "less than an hour"
    number, unit = (seconds // _HOUR, "hour") if seconds < 2 * _DAY else (seconds // _DAY, "day")
    return f"{number:.0f} {unit}{'s' if number > 1 else ''}"
