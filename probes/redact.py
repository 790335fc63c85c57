"""Credentials stay nameable and unreadable: each value has a slot name, and texts show the name."""

import base64
import html
import re
import urllib.parse
from collections.abc import Iterator
from typing import Final

SHAPE: Final = re.compile(r"sk-ant-[a-z]+[0-9]*-[A-Za-z0-9_-]{8,}")
"""Any Anthropic token: outside scanners know the API keys only."""

ENCODED_SHAPE: Final = re.compile(
    "(?:" + "|".join(("c2stYW50L", "NrLWFudC", "zay1hbnQt")) + ")[A-Za-z0-9+/_-]{12,}"
)
"""`sk-ant-` in base64, at each of the three alignments."""

ENTITY: Final = re.compile(
    r"&(?:hyphen|dash|lowbar|UnderBar|"
    r"#0*(?:45|4[89]|5[0-7]|6[5-9]|[78]\d|90|95|9[789]|1[01]\d|12[0-2])(?!\d)|"
    r"#x0*(?:2d|3\d|[46][1-9a-f]|[57][0-9a]|5f)(?![0-9a-f]))",
    re.IGNORECASE,
)
"""HTML that stands for a character of a token, which has no need of it."""
PERCENT: Final = re.compile(r"%[2-7][0-9A-Fa-f]")
"""The same in an address."""


class Redactor:
    """Replaces every known value, in plain and in base64, by `[redacted:SLOT]`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def learn(self, slot: str, value: str) -> None:
        """Remember a value from the moment it exists; an empty value is nothing to hide."""
        if value:  # a new dictionary: another thread may be reading the old one
            self._names = self._names | dict.fromkeys(_spellings(value), slot)

    def __call__(self, text: str) -> str:
        """The text with names in the place of values, without their length."""
        for spelling, slot in self._names.items():
            text = text.replace(spelling, f"[redacted:{slot}]")
        return ENCODED_SHAPE.sub("[redacted:token]", SHAPE.sub("[redacted:token]", text))

    def slots_in(self, text: str) -> frozenset[str]:
        """The slot names of the known values that the text holds, in plain or in base64."""
        return frozenset(slot for spelling, slot in self._names.items() if spelling in text)


def find_token(text: str) -> int | None:
    """Where a text still holds what looks like a token, also when HTML or percent escaped.

    Every credential that this project makes or uses has the shape, so no value need be known here.
    """
    readings = [text]
    if ENTITY.search(text):
        readings.append(html.unescape(text))
    if PERCENT.search(text):
        readings.append(urllib.parse.unquote(text))
    for decoded in readings:
        if found := SHAPE.search(decoded) or ENCODED_SHAPE.search(decoded):
            return found.start()
    return None


def _spellings(value: str) -> Iterator[str]:
    """The value itself, and its base64 at the three alignments, less the digits it shares."""
    yield value
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + value.encode()).decode().rstrip("=")
        core = encoded[(0, 2, 3)[shift] : len(encoded) - 1]
        if len(core) > 12:
            yield core
            yield core.replace("+", "-").replace("/", "_")
