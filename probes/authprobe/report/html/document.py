"""A complete HTML document: nothing in it is loaded from elsewhere."""

import base64
import hashlib
from typing import Final

from authprobe.report.html.elements import Html
from authprobe.report.html.rendering import asset, render

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""If anything slips through the escaping, the browser still neither runs nor loads it."""


def document(title: str, body: Html, *, style: str = "", script: str = "") -> Html:
    """Return a document with the title as its heading.

    `style` and `script` name the files that `body` needs beside the styles of the report.
    """
    sheets = ("report.css", "document.css", *([style] if style else []))
    code = asset(script) if script else Html()
    return render(
        "document.html",
        title=title,
        body=body,
        styles=Html().join(map(asset, sheets)),
        script=code,
        policy=f"{POLICY}; script-src '{_digest(code)}'" if code else POLICY,
    )


def _digest(code: str) -> str:
    """Return the hash by which the policy allows a script (W3C, Content Security Policy 3)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}"
