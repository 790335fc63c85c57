"""Search of a scenario with `live` for credentials, also in comments and in texts over lines."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Final

from authprobe.documents.document import Document
from authprobe.documents.node_tree import Mapping
from authprobe.documents.source import Position, Problem, escape
from authprobe.redaction.redactor import find_token
from authprobe.scenario.checks.tokens import tokens_in_values
from authprobe.scenario.model import Scenario

LOOKS: Final = "looks like a token; a scenario never contains one"
MESSAGE: Final = f"this {LOOKS}: write 'from: env:NAME'"


def without_literal_tokens(
    document: Document[Scenario], definitions: Iterable[Document[Any]] = ()
) -> Document[Scenario]:
    """Return the document of a scenario with a problem for each line that has a token, if none was
    reported there: its text is searched, then its values with those of variables, and the texts of
    its files of definitions.
    """
    root = document.root
    if not (isinstance(root, Mapping) and "live" in root.nodes):
        return document
    lines = {problem.position.line for problem in document.problems if LOOKS in problem.message}
    problems = [
        Problem(each, MESSAGE) for each in _positions(document.text) if each.line not in lines
    ]
    if not (lines or problems):
        problems += [Problem(each.position, MESSAGE) for each in tokens_in_values(root)]
    problems += _in_definitions(document, definitions)
    return dataclasses.replace(document, problems=(*document.problems, *problems))


def _in_definitions(
    document: Document[Scenario], definitions: Iterable[Document[Any]]
) -> Iterator[Problem]:
    """Yield a problem for each file of definitions that has a token which is not reported there."""
    for file in definitions:
        if any(LOOKS in problem.message for problem in file.problems):
            continue
        for position in _positions(file.text):
            place = f"{escape(file.path.name)}:{position.line}:{position.column}"
            yield Problem(document.position(("definitions",)), f"{place}: {MESSAGE}")


def _positions(text: str) -> Iterator[Position]:
    """Yield the first position in each line, or that of a token which continues over lines."""
    lines = text.splitlines()
    found = [(number, find_token(line)) for number, line in enumerate(lines, start=1)]
    positions = [Position(number, offset + 1) for number, offset in found if offset is not None]
    if not positions and (offset := find_token(text)) is not None:
        before = text[:offset].splitlines(keepends=True) or [""]
        positions = [Position(len(before), len(before[-1]) + 1)]
    yield from positions
