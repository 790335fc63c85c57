"""The browser of the user who signs in: ours, and it says so. It goes through the case's proxy."""

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
    """What a page shows."""

    status: int | None
    """None: it cannot be reached."""
    text: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Browser:
    """Opens addresses for the user of a case, who is signed in."""

    sandbox: Sandbox
    limit: float

    def open(self, address: str) -> Page:
        """The page at the end of the redirects, or why there is none."""
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
    """What a page of HTML shows, and the code that it shows for its user to copy."""
    shown = [html.unescape(found[2]).strip() for found in PARAGRAPH.finditer(text)]
    code = next((each for each in shown if PASTED_CODE.fullmatch(each)), None)
    return Page(status=status, text=": ".join(shown) or "an empty page", code=code)
