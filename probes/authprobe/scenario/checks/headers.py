"""Checks of HTTP headers: those of authprobe's own requests, and those that a variable adds."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from authprobe.documents.source import KEY, KeyPath, PathProblem, quote
from authprobe.redaction.redactor import find_token

MAX_HEADERS: Final = 50
_MAX_NAME_LENGTH: Final = 100
_MAX_VALUE_LENGTH: Final = 1000
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # RFC 9110, 5.5, less obs-text and tabs
_IDENTITY: Final = re.compile(r"user-agent|x-app|x-stainless-.*|x-claude-.*|anthropic-client-.*")
"""Headers by which a client names itself."""
_CREDENTIAL: Final = re.compile(
    r".*(?:authori[sz]ation|cookie|api-?key|token|secret|password|credential|assertion).*"
)
_OWN_WAYS: Final = ("authorization", "x-api-key", "anthropic-beta", "anthropic-version")
_FRAMING: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "te", "trailer", "expect"),
        *("connection", "proxy-connection", "keep-alive", "upgrade", "http2-settings"),
    }
)
"""Headers that belong to one connection or delimit the message (RFC 9110, 7.6.1; RFC 9112, 6)."""


def check_headers(path: KeyPath, headers: Mapping[str, str | None]) -> Iterator[PathProblem]:
    """Yield the problems of one set of headers of authprobe's own requests."""
    if len(headers) > MAX_HEADERS:
        yield path, f"{len(headers):,} headers are too many; the limit is {MAX_HEADERS}"
    spellings: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        if (reason := header_name_problem(name)) is not None:
            yield (*path, name, KEY), reason
        elif key in spellings:
            yield (*path, name, KEY), f"{quote(name)} is the same header as {quote(spellings[key])}"
        spellings.setdefault(key, name)
        if value and (reason := header_value_problem(value)) is not None:
            yield (*path, name), reason


def header_name_problem(name: str) -> str | None:
    """Return why a scenario cannot set this header; None: it can."""
    key = name.lower()
    if not _NAME.fullmatch(name):
        return f"{quote(name)} is not a header name (RFC 9110, 5.6.2)"
    if len(name) > _MAX_NAME_LENGTH:
        return f"the header {quote(name)} is longer than {_MAX_NAME_LENGTH} characters"
    if key in _FRAMING:
        return (
            f"the header {quote(name)} cannot be set: it describes the connection or the length of "
            "the message, and the program that sends the request sets it"
        )
    if _IDENTITY.fullmatch(key) or _CREDENTIAL.fullmatch(key):
        return (
            f"the header {quote(name)} cannot be set: every client identifies itself, "
            "and credentials are set under 'credentials'"
        )
    return None


def credential_header_problem(name: str) -> str | None:
    """Return why a credential cannot be in this header; None: it can."""
    if name.lower() in _FRAMING or _IDENTITY.fullmatch(name.lower()):
        return header_name_problem(name)
    if name.lower() in _OWN_WAYS:
        return f"the header {quote(name)} has ways of its own, such as 'bearer' or 'x-api-key'"
    return None


def header_value_problem(value: str) -> str | None:
    """Return what is wrong with the value of a header; None: nothing."""
    if find_token(value) is not None:
        return "this value looks like a token; a scenario never contains one"
    if len(value) > _MAX_VALUE_LENGTH:
        return f"the value of a header is longer than {_MAX_VALUE_LENGTH:,} characters"
    if not _VALUE.fullmatch(value):
        return (
            f"the value {quote(value)} of a header must be printable ASCII, "
            "without spaces around it"
        )
    return None


def header_lines_problem(text: str) -> str | None:
    """Return what is wrong with lines of the form `Name: value`; None: nothing."""
    lines = [line for line in text.split("\n") if line]
    if len(lines) > MAX_HEADERS:
        return f"{len(lines):,} headers are too many; the limit is {MAX_HEADERS}"
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            return f"{quote(line)} is not a header; write each line as 'Name: value'"
        reason = header_name_problem(name.strip(" ")) or (
            header_value_problem(value.strip(" ")) if value.strip(" ") else None
        )
        if reason is not None:
            return reason
    return None
