"""Texts of the user's own scenarios in `results.json`: whoever gets the file can run them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import yaml

from authprobe.core.escaping import for_json
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from authprobe.run.model import CaseRecord

MAX_TEXT_LENGTH: Final = 30_000
"""Characters of one scenario: about five hundred lines, and half of what an issue takes."""
MAX_TOTAL_LENGTH: Final = 1_000_000
"""Characters of all scenarios of a run."""
Key = TypeVar("Key", str, tuple[str, str])
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT_LINE: Final = re.compile(r"(?<=\n)[ \t]*#.*\n")
_COMMENT: Final = re.compile(r"[ \t]*#[^\r\n]*")
_BLOCK_HEADER: Final = re.compile(r"[|>][-+0-9]*[ \t]+(#.*)")


def recorded_texts(
    texts: Mapping[str, str], records: Iterable[CaseRecord], redactor: Redactor
) -> dict[str, str]:
    """Return the texts of the scenarios that these records belong to, redacted, without comments.

    A text that is too long is left out, as half a scenario cannot be run; so is one that has what
    looks like a credential even then, which would keep the whole run from being written.
    """
    ids = {record.scenario for record in records}
    return _recorded({id: text for id, text in texts.items() if id in ids}, redactor)


def recorded_definitions(
    texts: Mapping[str, Mapping[str, str]], records: Iterable[CaseRecord], redactor: Redactor
) -> dict[str, dict[str, str]]:
    """Return the texts of the files of definitions of these records' scenarios in the same way."""
    ids = sorted({record.scenario for record in records} & texts.keys())
    files = {(id, name): text for id in ids for name, text in texts[id].items()}
    kept = _recorded(files, redactor)
    return {
        id: {redactor(name): text for (own, name), text in kept.items() if own == id}
        for id in dict.fromkeys(id for id, _ in kept)
    }


def _recorded(texts: Mapping[Key, str], redactor: Redactor) -> dict[Key, str]:
    kept: dict[Key, str] = {}
    room = MAX_TOTAL_LENGTH
    for key in sorted(texts):
        if len(texts[key]) > min(MAX_TEXT_LENGTH, room):
            continue
        text = redactor(without_comments(texts[key]))
        if not scan_text(for_json(json.dumps(text, ensure_ascii=False)), redactor):
            kept[key] = text
            room -= len(text)
    return kept


def without_comments(text: str) -> str:
    """Return a YAML text with the same content and without its comments.

    Nobody needs them to run a scenario, and notes that were not meant for others are in them:
    names, passwords, and tokens that were wrapped over lines.
    """
    parts: list[str] = []
    end = 0
    for start, stop in _content(text):
        parts += _without_comments_between(text[end:start]), text[start:stop]
        end = stop
    return "".join((*parts, _without_comments_between(text[end:]))).lstrip("\n")


def _content(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text that are not comments: those of its tokens."""
    token: Any
    for token in yaml.scan(text, Loader=_LOADER):
        start, stop = token.start_mark.index, token.end_mark.index
        if header := _BLOCK_HEADER.match(text, start, stop):
            yield start, header.start(1)
            start = header.end(1)
        if stop > start:
            yield start, stop


def _without_comments_between(text: str) -> str:
    return _COMMENT.sub("", _COMMENT_LINE.sub("", text))
