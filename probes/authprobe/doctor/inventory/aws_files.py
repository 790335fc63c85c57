"""Names and dates in the files of AWS; the values in them are not kept."""

import datetime
import json
import re
from pathlib import Path
from typing import Final

from authprobe.core.safe_read import read_text_file

SECTION: Final = re.compile(r"\s*\[\s*(?:profile\s+)?[\"']?([^\]\"']{1,128}?)[\"']?\s*\]")
KEY: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]{0,40})\s*=\s*\S")
"""Key of an AWS file that has a value; the value itself is not matched."""
PROFILE_KEYS: Final = frozenset(
    {
        *("aws_access_key_id", "credential_process", "credential_source", "login_session"),
        *("role_arn", "sso_session", "sso_start_url", "web_identity_token_file"),
    }
)
"""Keys of a profile that lead to a credential."""
SSO_KEYS: Final = frozenset({"sso_session", "sso_start_url"})
LOGIN_KEYS: Final = frozenset({"login_session"})
"""Key of a profile that `aws login` writes."""


def profile_sections(path: Path) -> dict[str, set[str]]:
    """Return the names of the keys in each section of an AWS file, without their values.

    Not `configparser`: it would hold the values.
    """
    sections: dict[str, set[str]] = {}
    keys: set[str] = set()
    for line in read_text_file(path).text.splitlines():
        if section := SECTION.match(line):
            keys = sections.setdefault(section[1].strip(), set())
        elif key := KEY.match(line):
            keys.add(key[1].lower())
    return sections


def cached_end(path: Path) -> tuple[datetime.datetime, bool] | None:
    """Return when the login in a cached file ends, and True if it can be renewed.

    `aws sso login` writes the end beside the token, `aws login` into it (botocore 1.44.8).
    Registrations of the AWS CLI itself have no token, and are left out.
    """
    try:
        data = json.loads(read_text_file(path).text)
        token = data["accessToken"]
        text = (token if isinstance(token, dict) else data)["expiresAt"]
        end = datetime.datetime.fromisoformat(text.replace("UTC", "+00:00"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return end.replace(tzinfo=end.tzinfo or datetime.UTC), "refreshToken" in data
