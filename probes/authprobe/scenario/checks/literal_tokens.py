"""Search of a scenario with `live` for credentials written into it, also into its comments."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from authprobe.documents.document import Document
from authprobe.documents.node_tree import Mapping
from authprobe.documents.source import Position, Problem, escape
from authprobe.redaction.redactor import find_token
from authprobe.scenario.model import Scenario

MESSAGE = "this looks like a token; a scenario never contains one: write 'from: env:NAME'"


def without_literal_tokens(
    document: Document[Scenario], definitions: Sequence[Document[Any]]
) -> Document[Scenario]:
    """Return the document of a scenario with a problem for each text in it that looks like a token.

    Only with `live`: the keys and values of every other one are searched by `token_problems`.
    """
    if not (isinstance(document.root, Mapping) and "live" in document.root.nodes):
        return document
    problems = [Problem(position, MESSAGE) for position in _positions(document.text)]
    for index, each in enumerate(definitions):
        for position in _positions(each.text):
            place = f"{escape(str(each.path))}:{position.line}:{position.column}"
            where = document.position(("definitions", index))
            problems.append(Problem(where, f"{place}: {MESSAGE}"))
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
