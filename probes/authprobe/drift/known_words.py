"""The words of the service that may be given back: those that the emulator's rules have, and new
wordings that are nothing but words.
"""

import re
from typing import Final

from authprobe.core.claude_api import HOSTS
from authprobe.drift.wording import comparable, is_placeholder
from authprobe.emulator.catalogue import rows
from authprobe.emulator.rules.base import Answer
from authprobe.emulator.rules.routes import RULES
from authprobe.redaction.pseudonyms import Pseudonymizer
from authprobe.redaction.scanner import scan_text

OAUTH_ERRORS: Final = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
        *("unsupported_grant_type", "invalid_scope"),
    }
)
"""Errors of a token endpoint (RFC 6749, 5.2)."""
ERROR_TYPES: Final = OAUTH_ERRORS | {row.error_type for row in rows() if row.error_type}
ERROR_CODES: Final = frozenset(
    rule.answer.error_code
    for rule in RULES.values()
    if isinstance(rule.answer, Answer) and rule.answer.error_code
)
CONTENT_TYPES: Final = frozenset(
    {"application/json", "application/problem+json", "text/event-stream", "text/html", "text/plain"}
)
WORDINGS: Final = frozenset(
    comparable(row.message) for row in rows() if row.message and not is_placeholder(row.message)
)
"""Every wording of a rule, without what differs from one request to the next."""
MAX_APPROVED_LENGTH: Final = 300
"""Characters of a new wording that can be approved."""
_NEW: Final = re.compile(r"<new: (\d{1,4}) characters>")
_REPLACED: Final = re.compile(r"<(?:date|number) [1-9]\d?>")
"""What may stand for a part of a new wording: an id or an address may be what it is about."""
_WORD: Final = re.compile(
    r"(?:[A-Z]?[a-z]{1,19}|[A-Z]{1,5}|OAuth)(?:['_-](?:[a-z]{1,19}|[A-Z][a-z]{0,19})){0,5}"
)
_BRACKETS: Final = "\"'`()[]"
_ENDINGS: Final = ".,:;?!"
_PERSONAL: Final = re.compile(
    r"(?i)[^\s]@|[/\\~]|\b[\w-]+\.[a-z]{2,}\b|\b\w+['\u2019]s\s+(?:individual\s+)?organi[sz]ation\b"
)
"""A part of an address, a path, a name of a host, or the default name of an organisation."""


def known_or_new(text: str | None, known: frozenset[str]) -> str | None:
    """Return a text if it is known, and else only its length."""
    return text if text is None or text in known else new_text(len(text))


def known_wording(message: str | None) -> str | None:
    """Return a message as a rule has it, and of any other only its length."""
    if message is None:
        return None
    wording = comparable(message)
    return wording if wording in WORDINGS else new_text(len(message))


def new_text(length: int) -> str:
    """Return what stands for a text that is not known."""
    return f"<new: {length} characters>"


def length_of_new(text: str | None) -> int | None:
    """Return the number of characters of the text that is left out; None: none is."""
    match = _NEW.fullmatch(text or "")
    return int(match[1]) if match else None


def approval_problem(wording: str) -> str | None:
    """Return why a new wording cannot be given back; None: a person may approve it.

    `wording` is comparable. Only plain words pass: whatever looks like a value is one.
    """
    if len(wording) > MAX_APPROVED_LENGTH:
        return f"it is longer than {MAX_APPROVED_LENGTH} characters"
    if scan_text(wording):
        return "it has what looks like a credential"
    bare = _without_hosts(wording)
    if _PERSONAL.search(bare) or Pseudonymizer()(bare) != bare:
        return "it has what looks like an address, a path, a host or a name of an organisation"
    words = _REPLACED.sub("", bare).split()
    if not words:
        return "it has no words"
    if odd := sum(not _is_word(word) for word in words):
        return f"{odd} of its {len(words)} parts {'is no word' if odd == 1 else 'are no words'}"
    return None


def _is_word(text: str) -> bool:
    inner = text.rstrip(_ENDINGS).strip(_BRACKETS).rstrip(_ENDINGS)
    return not inner or inner == "-" or _WORD.fullmatch(inner) is not None


def _without_hosts(text: str) -> str:
    """Return the text without the documented hosts of the service."""
    names = "|".join(map(re.escape, HOSTS))
    return re.sub(rf"(?<![\w.@/-])(?:{names})(?![\w/@-]|\.\w)", "", text)
