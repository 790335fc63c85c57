"""Pieces of HTML that the report is made of; everything from outside is escaped here."""

import html
import re
from collections.abc import Iterable

from authprobe.core.escaping import for_display
from authprobe.report.model import phrases
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status


def safe(outside: str) -> str:
    """Escaped, and without raw line ends: pytest-html's script marks up lines that begin with E."""
    return html.escape(for_display(outside)).replace("\n", "<br>")


def code(outside: str | None) -> str:
    """The text as code, or that there is none."""
    return "none" if outside is None else f"<code>{safe(outside)}</code>"


def source(address: str) -> str:
    """A link for a web address, plain text for anything else."""
    if re.fullmatch(r"https?://[!-~]{1,2000}", address):
        return f'<a rel="noreferrer" href="{html.escape(address)}">{safe(address)}</a>'
    return safe(address)


def link(record: CaseRecord, content: str) -> str:
    """A link to the details of a case."""
    return f'<a href="#{phrases.anchor(record.id)}">{content}</a>'


def section(title: str, content: str) -> str:
    """A part of a case, or nothing if it is empty."""
    return f"<h3>{title}</h3>{content}" if content else ""


def bullets(lines: Iterable[str]) -> str:
    """A list of these lines, or nothing if there are none."""
    items = "".join(f"<li>{safe(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def facts(lines: phrases.Facts) -> str:
    """Labels and values."""
    drawn = "".join(f"<dt>{safe(label)}</dt><dd>{safe(value)}</dd>" for label, value in lines)
    return f'<dl class="ap-facts">{drawn}</dl>'


def table(
    name: str, labels: Iterable[str], rows: Iterable[Iterable[str]], *, kind: str = "ap-words"
) -> str:
    """A table that scrolls by itself where it is too wide."""
    heads = "".join(f'<th scope="col">{label}</th>' for label in labels)
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<div class="ap-scroll {kind}" tabindex="0" role="group" aria-label="{safe(name)}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def status(record: CaseRecord) -> str:
    """The status as a word and a symbol beside its colour."""
    name = record.verdict.status
    return f'{mark(name)} <strong class="ap-{name}">{phrases.status_words(record.verdict)}</strong>'


def mark(name: Status) -> str:
    """The symbol of a status."""
    return phrases.SYMBOLS[name]
