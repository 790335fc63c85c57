"""Wordings of refusals, compared without what differs from one request to the next."""

import re
from typing import Final

PLACEHOLDER: Final = "(the wording"
"""Words of the emulator for a message that no report quotes."""
_VARIABLE_PARTS: Final = re.compile(
    r"(?P<replaced><(?:redacted|date|id|url|address|number) \d+>)"
    r"|(?P<redacted>\[redacted:[\w-]+\])"
    r"|(?P<date>\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?)"
    r"|(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[a-z]{2,12}_[A-Za-z0-9]{6,}\b)"
    r"|(?P<url>https?://[^\s\"'<>]+)"
    r"|(?P<address>\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"
    r"|(?:[0-9A-Fa-f]{1,4}:){2,7}:?[0-9A-Fa-f]{1,4}\b)"
    r"|(?P<number>\b\d+(?:[.,]\d+)*\b)"
)


def comparable(message: str) -> str:
    """Return a message with ids, dates, addresses and numbers replaced by numbered names.

    Equal parts have equal names, so that what refers to what stays comparable. What was replaced
    already stays as it is.
    """
    names: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        kind = str(match.lastgroup)
        if kind == "replaced":
            return match[0]
        if match[0] not in names:
            count = sum(1 for each in names.values() if each.startswith(f"<{kind} "))
            names[match[0]] = f"<{kind} {count + 1}>"
        return names[match[0]]

    return _VARIABLE_PARTS.sub(name, " ".join(message.split()))


def is_placeholder(message: str | None) -> bool:
    """Return True for a message of the emulator that stands for an unknown wording."""
    return message is not None and PLACEHOLDER in message
