"""Rendering of the HTML templates beside this module.

Whatever a template inserts that is not HTML already is escaped as `Html` escapes it. Import this
module, and the pages that use it, only where a page is written: jinja2 takes longer to import than
most commands take to run.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jinja2
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from authprobe.report.html import elements
from authprobe.report.html.elements import Html
from authprobe.report.model import phrases

FOLDER: Final = Path(__file__).parent


def render(template: str, **values: object) -> Html:
    """Return the HTML that a template makes of these values."""
    return Html(_environment().get_template(template).render(values))


def asset(name: str) -> Html:
    """Return a style sheet or script beside this module."""
    return Html((FOLDER / name).read_text(encoding="utf-8"))


class _WithoutIndentation(Extension):
    """Drops line ends and indentation from templates: ten thousand cases would repeat them."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Yield the tokens of a template; a space that matters stands within a line."""
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", re.sub(r"\s*\n\s*", "", token.value))
            else:
                yield token


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        extensions=[_WithoutIndentation],
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_escape_text,
        auto_reload=False,
    )
    environment.globals.update(
        bullets=elements.bullets,
        case_link=elements.case_link,
        code=elements.code,
        facts=elements.facts,
        mark=elements.mark,
        plural=phrases.plural,
        section=elements.section,
        source=elements.source,
        status=elements.status,
        with_commands=elements.with_commands,
    )
    return environment


def _escape_text(value: object) -> object:
    """Escape what jinja2 would escape without its hidden characters."""
    return Html.escape(value) if isinstance(value, str) else value
