"""A page that stands by itself: no script, and nothing in it is loaded from elsewhere."""

from pathlib import Path
from typing import Final

from authprobe.report.html.elements import safe

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Should anything slip through the escaping, a browser still runs and loads none of it."""


def page(title: str, body: str, *, style: str = "") -> str:
    """The whole page: the title as its heading, then `body`, which is HTML already.

    `style` is what `body` needs beside the styles of the report.
    """
    styles = asset("report.css") + asset("document.css") + style
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{safe(title)}</title><style>{styles}</style></head>"
        f'<body><main class="ap"><h1>{safe(title)}</h1>{body}</main></body></html>\n'
    )


def asset(name: str) -> str:
    """A style sheet that stands beside this module."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
