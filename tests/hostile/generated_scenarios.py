"""Hostile files that cannot be kept as text: encodings, bombs, links, devices, odd names.

Each has a name, a function that makes it in a folder, and its expected end: the beginning of the
only message, or of all of them.
"""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.scenario_files import SMALL

SECRET: Final = "SECRET-of-the-user"
"""Content of files beside the scenarios, which no message may quote."""
TOO_MANY: Final = "more than 20,000 keys and values, counting aliases at each use"


@dataclass(frozen=True)
class Generated:
    """A hostile file and its end."""

    name: str
    make: Callable[[Path], None]
    ends: str


def _text(name: str, text: str | bytes, ends: str) -> Generated:
    content = text.encode() if isinstance(text, str) else text
    return Generated(name, lambda path: _write(path, content), ends)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _link_to_secret(text: str) -> Callable[[Path], None]:
    """Return a function that makes a link to a file with this text, which no folder contains."""

    def make(path: Path) -> None:
        secret = path.parent.with_name(f"secret-{path.stem}")
        secret.write_text(text.replace("{}", SECRET))
        path.symlink_to(secret)

    return make


def _link_loop(path: Path) -> None:
    path.symlink_to(path.name)


def _laughs(levels: str) -> str:
    lines = [f"{levels[0]}: &{levels[0]} [x, x, x, x, x, x, x, x, x, x]\n"]
    for before, name in itertools.pairwise(levels):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n")
    return "".join(lines)


def _small(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new)


_KEYS: Final = ", ".join(f"k{number}: 1" for number in range(3000))
_LONG: Final = "a" * 70_000
_FOREIGN: Final = (
    "1:1: this is not a scenario, which starts with its 'id': none of its keys is known"
)
_NOT_TEXT: Final = "1:1: a scenario must be a mapping, not text; write 'key: value' lines"

GENERATED: Final = (
    # Encodings and bytes.
    _text("empty", "", "1:1: the file is empty; a scenario starts with its 'id'"),
    _text("only-a-comment", "# id: x\n", "1:1: the file is empty; a scenario starts with its"),
    _text("utf-16", SMALL.encode("utf-16"), "1:1: the file is UTF-16; save it as UTF-8"),
    _text("utf-16-without-mark", SMALL.encode("utf-16-le"), "1:2: the control character U+0000"),
    _text("utf-32", SMALL.encode("utf-32"), "1:1: the file is UTF-32; save it as UTF-8"),
    _text("latin-1", SMALL.encode() + b"# \xe9\n", "8:3: byte 0xe9 at offset"),
    _text("overlong", SMALL.encode() + b"# \xc0\xaf\n", "8:3: byte 0xc0 at offset"),
    _text("surrogate", SMALL.encode() + b"# \xed\xa0\x80\n", "8:3: byte 0xed at offset"),
    _text("beyond-unicode", SMALL.encode() + b"# \xf7\xbf\xbf\xbf\n", "8:3: byte 0xf7 at offset"),
    _text("mark-in-a-key", SMALL + "i\ufeffd: x\n", "8:1: unknown key 'i\\ufeffd'"),
    _text("nul", SMALL + "# \0\n", "8:3: the control character U+0000"),
    _text("escape", SMALL + "# \x1b[2J\x1b]0;x\x07\n", "8:3: the control character U+001B"),
    _text("c1", SMALL + "# \x9b31m\n", "8:3: the control character U+009B"),
    _text("line-separator", SMALL + "# \u2028\n", "8:3: the control character U+2028"),
    _text("non-character", SMALL + "# \uffff\n", "8:3: the control character U+FFFF"),
    _text(
        "program",
        b"\x7fELF\x02\x01\x01\0\0\0\xff" * 50,
        "1:11: byte 0xff at offset 10 is not UTF-8",
    ),
    _text("gzip", b"\x1f\x8b\x08\0" * 50, "1:2: byte 0x8b at offset 1 is not UTF-8"),
    # Bombs.
    _text("laughs", _laughs("abcdefghi"), f"5:8: {TOO_MANY}"),
    _text("merged-laughs", f"a: &a {{{_KEYS}}}\n" + "b: {<<: *a}\n" * 10, f"6:9: {TOO_MANY}"),
    _text("many-keys", "".join(f"k{n}: 1\n" for n in range(30_000)), f"10000:8: {TOO_MANY}"),
    _text("deep-lists", "[" * 100_000, "1:51: nested deeper than 50 levels"),
    _text("deep-mappings", "{a: " * 50_000, "1:198: nested deeper than 50 levels"),
    _text(
        "deep-blocks", "".join(" " * n + "a:\n" for n in range(500)), "50:50: nested deeper than"
    ),
    _text("large", b"id: " + b"x" * (2 << 20), "1:1: larger than 1,048,576 bytes (limit)"),
    _text("long-key", "k" * 1_000_000 + ": 1", "1:1000001: not YAML: mapping values are not"),
    _text("long-id", _small("id: small", f"id: {_LONG}"), "1:5: 'id' is longer than 80 characters"),
    _text("long-title", _small("A small scenario", _LONG), "2:8: 'title' is longer than 2,000"),
    _text("long-client", _small("raw-http", f"claude-code@{_LONG}"), "6:19: 'claude-code@aaaa"),
    _text(
        "long-number", SMALL + "limit: " + "9" * 100_000, "8:8: 'limit' must be a number, not the"
    ),
    _text(
        "long-url", _small("api.example.org", f"api.example.org/{_LONG}"), "5:24: 'url' is longer"
    ),
    _text("long-host", _small("api.example.org", "a." * 127 + "org"), "5:24: the host 'a.a.a.a."),
    _text(
        "long-pattern",
        _small("rejected", f"rejected, message: {{matches: {_LONG}}}"),
        "7:48: 'matches' is longer than 2,000 characters",
    ),
    _text("long-message", _small("rejected", f"rejected, message: {_LONG}"), "7:38: 'message' is "),
    _text(
        "many-sources", _small("[https://", f"[{'x, ' * 500}https://"), "4:1: 'sources' must have"
    ),
    _text(
        "many-endpoints",
        _small(
            "{api: {", "{" + "".join(f"e{n}: {{url: http://a}}, " for n in range(600)) + "api: {"
        ),
        "5:1: 'endpoints' must have at most 500 items",
    ),
    _text(
        "many-cases",
        _small("endpoint: [api]", f"endpoint: [{'api, ' * 400}], headers: [{'default, ' * 400}]"),
        "6:1: 160,000 cases are too many; the limit is 50,000 per scenario",
    ),
    _text(
        "many-tags", SMALL + f"tags: [{'a, ' * 5000}]\n", "8:1: 'tags' must have at most 100 items"
    ),
    _text(
        "many-headers",
        _small("[api]}", "[api], headers: [h]}")
        + "headers: {h: {"
        + ", ".join(f"x-{n}: a" for n in range(60))
        + "}}\n",
        "8:11: 60 headers are too many; the limit is 50",
    ),
    _text(
        "many-variables",
        _small(
            "{client: [raw-http], endpoint: [api]}", "{client: [claude-code], environment: [e]}"
        ).replace("endpoints: {api: {url: https://api.example.org}}\n", "")
        + "environments: {e: {"
        + ", ".join(f"VERTEX_REGION_{n}: a" for n in range(300))
        + "}}\n",
        "7:16: 300 variables are too many; the limit is 100",
    ),
    # Links and special files.
    Generated("link-to-nothing", _link("nothing"), "1:1: a broken symbolic link"),
    Generated(
        "link-to-itself", _link_loop, "1:1: cannot be read: Too many levels of symbolic links"
    ),
    Generated("link-to-a-folder", _link("/"), "1:1: a directory, not a file"),
    Generated("link-to-zeros", _link("/dev/zero"), "1:1: not a regular file"),
    Generated("link-to-a-terminal", _link("/dev/tty"), "1:1: not a regular file"),
    Generated("link-to-memory", _link("/proc/self/mem"), "1:1: "),
    Generated("link-to-variables", _link("/proc/self/environ"), "1:"),
    Generated("pipe", os.mkfifo, "1:1: not a regular file"),
    Generated("link-to-shadow", _link_to_secret("root:{}:19000:0:99999:7:::\n" * 3), _FOREIGN),
    Generated("link-to-netrc", _link_to_secret("machine {} login {}\n"), _NOT_TEXT),
    Generated("link-to-env", _link_to_secret("TOKEN={}\n"), _NOT_TEXT),
    Generated("link-to-secret-yaml", _link_to_secret("password: {}\n{}: x\n"), _FOREIGN),
    Generated("link-to-secret-json", _link_to_secret('{"{}": "{}"}'), _FOREIGN),
    Generated(
        "link-to-secret-list", _link_to_secret("- {}\n"), "1:1: a scenario must be a mapping, no"
    ),
    Generated("link-to-key", _link_to_secret("-----BEGIN KEY-----\n{}\n"), "1:1: "),
    Generated("link-to-tags", _link_to_secret("!{} a: *{}\n"), "1:"),
    Generated(
        "link-to-broken-yaml", _link_to_secret("a: b: {}\n'{}"), "1:5: not YAML: mapping values"
    ),
)
