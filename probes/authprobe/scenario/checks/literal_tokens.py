"""Search of a scenario with `live` for credentials in its comments, and in texts over lines."""

import dataclasses
from collections.abc import Iterator
from typing import Final

from authprobe.documents.document import Document
from authprobe.documents.node_tree import Mapping
from authprobe.documents.source import Position, Problem
from authprobe.redaction.redactor import find_token
from authprobe.scenario.model import Scenario

LOOKS: Final = "looks like a token; a scenario never contains one"
MESSAGE: Final = f"this {LOOKS}: write 'from: env:NAME'"


def without_literal_tokens(document: Document[Scenario]) -> Document[Scenario]:
    """Return the document of a scenario with a problem for each line that has a token, if none was
    reported there: its values are searched in every scenario.
    """
    if not (isinstance(document.root, Mapping) and "live" in document.root.nodes):
        return document
    told = {problem.position.line for problem in document.problems if LOOKS in problem.message}
    positions = (each for each in _positions(document.text) if each.line not in told)
    problems = tuple(Problem(position, MESSAGE) for position in positions)
    return dataclasses.replace(document, problems=(*document.problems, *problems))


def _positions(text: str) -> Iterator[Position]:
    """Yield the first position in each line, or that of a token which continues over lines."""
    lines = text.splitlines()
    found = [(number, find_token(line)) for number, line in enumerate(lines, start=1)]
    positions = [Position(number, offset + 1) for number, offset in found if offset is not None]
    if not positions and (offset := find_token(text)) is not None:
        before = text[:offset].splitlines(keepends=True) or [""]
        positions = [Position(len(before), len(before[-1]) + 1)]
    yield from positions
