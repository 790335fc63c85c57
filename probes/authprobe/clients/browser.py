"""The browser of a user who signs in: an HTTP client that uses the case's proxy."""

import html
import re
import ssl
from dataclasses import dataclass
from typing import Final

import httpx

from authprobe.clients.base import Sandbox
from authprobe.clients.raw_http import USER_AGENT

PASTED_CODE: Final = re.compile(r"[A-Za-z0-9_-]{8,}#[A-Za-z0-9_-]{8,}")
"""`code#state`, as users paste it (anthropics/claude-code#20325)."""
PARAGRAPH: Final = re.compile(r"<(title|p)>([^<]*)</\1>")
MAX_PAGE_BYTES: Final = 64 * 1024
PAGE_TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The visible content of a web page."""

    status: int | None
    """None: the page is unreachable."""
    text: str
    """Title and paragraphs; if unreachable, the name of the error."""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser of a case's user, who is signed in."""

    sandbox: Sandbox
    limit: float

    def open(self, address: str) -> Page:
        """Follow redirects and return the final page, or a page that names the error."""
        context = ssl.create_default_context(cafile=str(self.sandbox.laboratory.network.ca_file))
        try:
            with (
                httpx.Client(
                    proxy=self.sandbox.listener.proxy_url,
                    verify=context,
                    trust_env=False,
                    follow_redirects=True,
                    headers={"user-agent": USER_AGENT},
                    timeout=min(max(self.limit, 0.1), PAGE_TIMEOUT),
                ) as client,
                client.stream("GET", address) as response,
            ):
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_PAGE_BYTES:
                        break
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Page(status=None, text=type(error).__name__)
        return read_page(response.status_code, body.decode("utf-8", "replace"))


def read_page(status: int, text: str) -> Page:
    """Extract the visible content of an HTML page, and the code to copy."""
    paragraphs = [html.unescape(match[2]).strip() for match in PARAGRAPH.finditer(text)]
    code = next(filter(PASTED_CODE.fullmatch, paragraphs), None)
    return Page(status=status, text=": ".join(paragraphs) or "an empty page", code=code)
