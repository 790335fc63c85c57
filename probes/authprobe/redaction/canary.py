"""Made-up credentials that every run contains, to check that redactor and scanner work."""

import base64
import html
import json
import secrets
import textwrap
from collections.abc import Callable
from typing import Final

from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text

SLOT: Final = "canary"
SPELLINGS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "JSON": lambda value: json.dumps(value).replace("-", "\\u002d"),
    "HTML": lambda value: html.escape(f"'{value}'").replace("-", "&#45;"),
    "percent": lambda value: value.replace("-", "%2D"),
    "base64": lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
    "hex": lambda value: value.encode().hex(),
    "wrapped": lambda value: "\n  ".join(textwrap.wrap(value, 30, break_on_hyphens=False)),
}


class Canary:
    """Two made-up secrets, one in the format of a token; no client ever receives them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._values = (f"sk-ant-oat01-{secrets.token_urlsafe(48)}", secrets.token_hex(24))
        for value in self._values:
            redactor.learn(SLOT, value)

    def problems(self) -> tuple[str, ...]:
        """Return one line for each spelling that redactor or scanner misses."""
        texts = {
            name: [f"before {spell(value)} after" for value in self._values]
            for name, spell in SPELLINGS.items()
        }
        not_redacted = (
            f"a canary written as {name} was not replaced"
            for name, spelled in texts.items()
            if any(f"[redacted:{SLOT}]" not in self._redactor(text) for text in spelled)
        )
        not_scanned = (
            f"a canary written as {name} was not found"
            for name, spelled in texts.items()
            if any(self._scanned_names(text) != {SLOT} for text in spelled)
        )
        not_recognised = (
            f"a canary written as {name} was not found by its format alone"
            for name, (token, _) in texts.items()
            if not scan_text(token)
        )
        return (*not_redacted, *not_scanned, *not_recognised)

    def _scanned_names(self, text: str) -> set[str]:
        return {match.name for match in scan_text(text, self._redactor)}
