"""The pages of the repository as pages of the website: their links and lists.

The files are written for the repository host, whose Markdown is that of GitHub; the website's is
Python-Markdown, which wants four spaces for each level of a list.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

PROJECT: Final = Path(__file__).parents[2]
REPOSITORY: Final = "https://github.com/OWNER/authprobe"
LIST_INDENT: Final = 4
_CODE: Final = re.compile(r"(^ *```.*?^ *```$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)")
_ITEM: Final = re.compile(r"( *)((?:[-*]|\d+\.) +)")


class BrokenLinkError(Exception):
    """A link to a file that does not exist."""


def website_text(source: Path, pages: Mapping[Path, str]) -> str:
    """Return the text of a page for the website.

    `pages` has the path in the website of every file that is there; links to other files lead to
    the repository.

    Raises:
        BrokenLinkError: a link to a file that does not exist.
    """
    text = "\n".join(_with_deeper_lists(source.read_text(encoding="utf-8").splitlines()))
    return outside_code(text, lambda part: _LINK.sub(lambda m: _link(m, source, pages), part))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with everything changed that is neither a block nor a span of code."""
    parts = _CODE.split(text)
    return "".join(part if n % 2 else change(part) for n, part in enumerate(parts))


def _link(match: re.Match[str], source: Path, pages: Mapping[Path, str]) -> str:
    path, anchor = match[1], match[2] or ""
    if not path:
        return match[0]
    target = (source.parent / unquote(path)).resolve()
    if not target.exists():
        raise BrokenLinkError(f"{source.relative_to(PROJECT)}: no such file: {path}")
    if target in pages:
        return f"]({pages[target]}{anchor})"
    kind = "tree" if target.is_dir() else "blob"
    return f"]({REPOSITORY}/{kind}/main/{target.relative_to(PROJECT)}{anchor})"


def _with_deeper_lists(lines: list[str]) -> Iterator[str]:
    """Yield the lines, with four spaces for each level of a list."""
    levels: list[int] = []  # columns where the text of each open item begins
    in_code = False
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip():
            yield line
            continue
        item = None if in_code else _ITEM.match(line)
        if item or (indent == 0 and not in_code):
            levels = [column for column in levels if column <= indent]
        depth = sum(column <= indent for column in levels)
        kept = indent - levels[depth - 1] if depth else indent
        yield " " * (LIST_INDENT * depth + kept) + line.lstrip(" ")
        if item:
            levels = [*levels[:depth], item.end()]
        if line.lstrip(" ").startswith("```"):
            in_code = not in_code
