"""A made-up credential that is in every run: what guards the others must see it."""

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
    """A value with the shape of a token and one without; nobody is ever given them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._values = (f"sk-ant-oat01-{secrets.token_urlsafe(48)}", secrets.token_hex(24))
        for value in self._values:
            redactor.learn(SLOT, value)

    def complaints(self) -> tuple[str, ...]:
        """Which of the guards do not see it: none of them may be trusted with a credential."""
        texts = {
            name: [f"before {spell(value)} after" for value in self._values]
            for name, spell in SPELLINGS.items()
        }
        shown = (
            f"a canary written as {name} was not replaced"
            for name, written in texts.items()
            if any(f"[redacted:{SLOT}]" not in self._redactor(text) for text in written)
        )
        unseen = (
            f"a canary written as {name} was not found"
            for name, written in texts.items()
            if any({SLOT} != {f.name for f in scan_text(t, self._redactor)} for t in written)
        )
        unknown = (
            f"a canary of which only the shape is known was not found as {name}"
            for name, (shaped, _) in texts.items()
            if not scan_text(shaped)
        )
        return (*shown, *unseen, *unknown)
