"""The HTML type that escapes text, and small elements built with it."""

import functools
import re
from collections.abc import Iterable
from typing import Final, Self

import markupsafe

from authprobe.core.escaping import for_display
from authprobe.report.model import phrases
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status

ESCAPED_TEXTS: Final = 1024
"""Texts whose HTML is remembered: most of those of one case are also those of the next."""


class Html(markupsafe.Markup):
    """HTML, in which plain text becomes harmless: its `format` and `join` escape every other type.

    Control and bidi characters become visible, and line ends become `<br>`.
    """

    __slots__ = ()

    @classmethod
    def escape(cls, text: object, /) -> Self:
        """Return HTML unchanged, and anything else as escaped text."""
        if isinstance(text, cls):
            return text
        if hasattr(text, "__html__"):
            return cls(text)
        return cls(_escaped(str(text)))

    def format(self, *args: object, **values: object) -> Self:
        """Return the HTML with the values in its fields, which are numbers or names, escaped.

        markupsafe's method also looks for attributes and formats, which takes twice as long.
        """
        named = {name: self.escape(value) for name, value in values.items()}
        return type(self)(str.format(self, *map(self.escape, args), **named))


@functools.lru_cache(ESCAPED_TEXTS)
def _escaped(text: str) -> str:
    return str(markupsafe.escape(for_display(text))).replace("\n", "<br>")


def code(text: str | None) -> Html:
    """Return the text as code, or the word `none`."""
    return Html("none") if text is None else Html("<code>{}</code>").format(text)


def with_commands(text: str) -> Html:
    """Return text in which plain words between backticks, such as commands, are code."""
    return Html(re.sub(r"`([a-z][a-z -]*)`", r"<code>\1</code>", str(Html.escape(text))))


def source(address: str) -> Html:
    """Return a link for a web address, and plain text for anything else."""
    if re.fullmatch(r"https?://[!-~]{1,1900}", address):
        return Html('<a rel="noreferrer" href="{0}">{0}</a>').format(address)
    return Html.escape(address)


def case_link(record: CaseRecord, content: str) -> Html:
    """Return a link to the details of a case; `content` is text or HTML."""
    return Html('<a href="#{}">{}</a>').format(phrases.anchor(record.id), content)


def section(title: str, content: Html) -> Html:
    """Return content under a heading, or nothing if it is empty."""
    return Html("<h3>{}</h3>{}").format(title, content) if content else Html()


def bullets(lines: Iterable[str]) -> Html:
    """Return a list of these lines, or nothing if there are none."""
    items = Html().join(map(Html("<li>{}</li>").format, lines))
    return Html("<ul>{}</ul>").format(items) if items else Html()


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Return labels and values as a definition list."""
    items = Html().join(Html("<dt>{}</dt><dd>{}</dd>").format(*pair) for pair in pairs)
    return Html('<dl class="ap-facts">{}</dl>').format(items)


def table(
    name: str, heads: Iterable[str], rows: Iterable[Iterable[str]], *, kind: str = "ap-words"
) -> Html:
    """Return a table that scrolls on its own where it is too wide; cells are text or HTML."""
    return Html(
        '<div class="ap-scroll {}" tabindex="0" role="group" aria-label="{}">'
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(
        kind,
        name,
        Html().join(map(Html('<th scope="col">{}</th>').format, heads)),
        Html().join(Html("<tr>{}</tr>").format(_cells(row)) for row in rows),
    )


def _cells(row: Iterable[str]) -> Html:
    return Html().join(map(Html("<td>{}</td>").format, row))


def lines(parts: Iterable[str]) -> Html:
    """Return text or HTML parts below each other."""
    return Html("<br>").join(parts)


def status(record: CaseRecord) -> Html:
    """Return the status as a symbol and a word, beside its colour."""
    name = record.verdict.status
    words = phrases.status_words(record.verdict)
    return Html('{} <strong class="ap-{}">{}</strong>').format(mark(name), name, words)


def mark(name: Status) -> str:
    """Return the symbol of a status."""
    return phrases.SYMBOLS[name]
