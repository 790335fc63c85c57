"""The answers of bisections, as files beside the report: their names, and what it tells of them."""

import contextlib
import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes.diff import without_version
from probes.investigate import Investigation

FOLDER: Final = "bisections"
_LONGEST: Final = 180
"""File systems take 255 bytes, and there is an ending to come."""
_MOST: Final = 50
"""Answers that the report tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer."""

    headline: str
    command: str
    at: datetime.datetime
    page: str
    """The path of its page, as the report links to it."""


def file_name(found: Investigation) -> str:
    """The name of its files, without the ending: the same question has the same name."""
    asked = found.inquiry
    case = without_version(asked.at(asked.good).id)
    words = (
        case,
        asked.when,
        "fix" if found.fix else None,
        *found.versions[:: len(found.versions) - 1],
    )
    name = "-".join(re.sub(r"[^0-9A-Za-z.]+", "-", word) for word in words if word)
    return name[-_LONGEST:].strip("-.")


def read_answers(out: Path) -> tuple[Answered, ...]:
    """What was found in this folder, the latest first; what cannot be read is passed over."""
    found = sorted(_answers(out / FOLDER), key=lambda each: each.at, reverse=True)
    return tuple(found[:_MOST])


def _answers(folder: Path) -> Iterator[Answered]:
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            told = json.loads(path.read_bytes())
            yield Answered(
                headline=str(told["headline"]),
                command=str(told["command"]),
                at=datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC),
                page=f"{FOLDER}/{path.stem}.html",
            )
