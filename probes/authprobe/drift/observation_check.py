"""The checks of an observation that somebody gives back, with each problem at its place."""

import codecs
import dataclasses
import datetime
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from authprobe.core.safe_files import read_bounded
from authprobe.documents.document import Document, read_document
from authprobe.documents.source import MAX_FILE_BYTES, PathProblem, Position, Problem
from authprobe.documents.vocabulary import Vocabulary
from authprobe.drift.comparison import compare
from authprobe.drift.emulated import emulated_service
from authprobe.drift.known_words import (
    CONTENT_TYPES,
    ERROR_CODES,
    ERROR_TYPES,
    WORDINGS,
    approval_problem,
    length_of_new,
)
from authprobe.drift.made_up import made_up_values
from authprobe.drift.model import DriftRow, Kind, RowResult
from authprobe.drift.observation_file import (
    DAY_PATTERN,
    HEADERS,
    LIMIT_BYTES,
    ROW_PATTERN,
    RULE_PATTERN,
    VERSION_PATTERN,
    ObservedRow,
    SharedObservation,
    dump_observation,
)
from authprobe.drift.rows import ROWS
from authprobe.service.answer import Envelope, RequestId, ServiceAnswer

MAX_AGE_DAYS: Final = 30
"""Age up to which an observation is taken: an older one says little about today."""
FOLDER: Final = "observations"
_MONTH: Final = re.compile(r"20\d\d-[01]\d")
OBSERVATION: Final = Vocabulary(
    document="an observation",
    start="'asked_from' or 'authprobe'",
    nouns={
        Kind: "a kind of result",
        Envelope: "a form of a body",
        RequestId: "a state of a request id",
    },
    patterns={
        DAY_PATTERN: "a day; write it as 2026-11-27",
        ROW_PATTERN: "a row; see `authprobe drift --list`",
        RULE_PATTERN: "a rule; see `authprobe emulator --rules`",
        VERSION_PATTERN: "a version of authprobe",
    },
)


def read_observation(path: Path) -> Document[SharedObservation]:
    """Return an observation; every problem with its form and its words is in the document.

    Of these, none depends on the day or on rules that may change after it was accepted.
    """
    document = read_document(path, SharedObservation, OBSERVATION, check=_problems)
    if document.value is None:
        return document
    problems = [*document.problems, *_form_problems(document.text, document.value)]
    if _has_mark(path):  # which the reader of documents leaves out
        problems.append(Problem(Position(), "begins with a byte order mark; leave it out"))
    return dataclasses.replace(document, problems=tuple(problems))


def _has_mark(path: Path) -> bool:
    try:
        return read_bounded(path, MAX_FILE_BYTES).startswith(codecs.BOM_UTF8)
    except OSError:
        return False


def _problems(observation: SharedObservation) -> Iterator[PathProblem]:
    try:
        _ = observation.date
    except ValueError:
        yield ("day",), f"{observation.day}: there is no such day"
    if not observation.rows:
        yield ("rows",), "no row was answered, so there is nothing to give back"
    ids = [row.row for row in observation.rows]
    for number, row in enumerate(observation.rows):
        if row.row in ids[:number]:
            yield ("rows", number, "row"), f"{row.row}: the row is there twice"
        for field, message in _row_problems(row):
            yield ("rows", number, field), message


def _row_problems(row: ObservedRow) -> Iterator[tuple[str, str]]:
    """Yield the problems of a row, each with its field."""
    known = ROWS.get(row.row)
    if known is None or not known.rules:
        yield "row", f"{row.row}: no such row, or none that a rule answers"
    elif row.rule != known.rules[0]:
        yield "rule", f"{row.rule}: the rule of {row.row} is {known.rules[0]}"
    if row.kind is Kind.NOT_ASKED:
        yield "kind", "a row that was not asked says nothing; leave it out"
    for field, text, words in (
        ("type", row.type, ERROR_TYPES),
        ("code", row.code, ERROR_CODES),
        ("content_type", row.content_type, CONTENT_TYPES),
    ):
        if text is not None and text not in words and length_of_new(text) is None:
            yield field, "is no word that a rule has; give only `<new: N characters>`"
    reason = approval_problem(row.message) if row.message and is_new_wording(row.message) else None
    if reason is not None:
        yield "message", f"cannot be shared: {reason}; give only `<new: N characters>`"
    if unknown := set(row.headers) - HEADERS:
        yield "headers", f"{len(unknown)} of them are no names that authprobe gives back"
    if list(row.headers) != sorted(set(row.headers)):
        yield "headers", "must be in order, each once"


def is_new_wording(message: str) -> bool:
    """Return True for a wording that no rule has, of which more than the length is there."""
    return message not in WORDINGS and length_of_new(message) is None


def _form_problems(text: str, observation: SharedObservation) -> Iterator[Problem]:
    """Yield where the text is not the one that authprobe writes: it has no place for remarks."""
    if (size := len(text.encode())) > LIMIT_BYTES:
        yield Problem(Position(), f"has {size:,} bytes; at most {LIMIT_BYTES:,} are taken")
    expected = dump_observation(observation)
    if text == expected:
        return
    pairs = enumerate(zip(text, expected, strict=False))
    index = next((n for n, (a, b) in pairs if a != b), min(len(text), len(expected)))
    before = text[:index]
    position = Position(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)
    yield Problem(
        position, "is not as `authprobe drift` writes it; give the file as it was written"
    )


def day_problem(observation: SharedObservation, today: datetime.date) -> str | None:
    """Return why an observation of this day is not taken today; None: it is."""
    age = (today - observation.date).days
    if age < 0:
        return f"{observation.day}: is in the future (today is {today} in UTC)"
    if age > MAX_AGE_DAYS:
        return f"{observation.day}: is {age:,} days ago; at most {MAX_AGE_DAYS} are taken"
    return None


def kind_problems(observation: SharedObservation) -> Iterator[PathProblem]:
    """Yield the rows whose kind is not what the emulator of this version gives.

    The emulator answers as on the day of the observation. So `same` is a fact of the row, which
    nobody can only claim.
    """
    values = made_up_values()
    with emulated_service(observation.date) as emulator:
        for number, observed in enumerate(observation.rows):
            row = ROWS[observed.row]
            first = ROWS[row.order_of] if row.order_of else None
            others = {first.id: emulator.answer(first, values)} if first else {}
            answer = _answer(observed)
            differences = compare(row, answer, emulator.answer(row, values), others)
            kind = RowResult(row=row, answer=answer, differences=differences).kind
            if kind is not observed.kind and not {kind, observed.kind} <= _alike(row):
                yield (
                    ("rows", number, "kind"),
                    f"{observed.row} is '{kind}' for authprobe of this version, and not "
                    f"'{observed.kind}'; ask again with it",
                )


def _alike(row: DriftRow) -> frozenset[Kind]:
    """Return the kinds that an observation cannot tell apart: names of limits are left out."""
    return frozenset() if row.is_page else frozenset({Kind.SAME, Kind.NOTICED})


def _answer(row: ObservedRow) -> ServiceAnswer:
    """Return the answer, as far as it is in the observation."""
    return ServiceAnswer(
        status=row.status,
        envelope=row.envelope,
        error_type=row.type,
        error_code=row.code,
        message=row.message,
        request_id=row.request_id,
        headers=frozenset(row.headers),
        content_type=row.content_type,
    )


def shared_name(observation: SharedObservation) -> str:
    """Return the path of an observation among those given back: one content has one name."""
    digest = hashlib.sha256(dump_observation(observation).encode()).hexdigest()[:32]
    return f"{FOLDER}/{observation.day[:7]}/{digest}.json"


def name_problem(path: Path, observation: SharedObservation) -> str | None:
    """Return why a file has another name than its content; None: it has it, or is elsewhere."""
    parts = path.absolute().parts[-3:]
    if not _MONTH.fullmatch(parts[-2]) or parts[0] != FOLDER:
        return None
    name = shared_name(observation)
    return None if "/".join(parts) == name else f"its name must be {name}"


def place_problem(folder: Path, path: Path) -> str | None:
    """Return why a file below the folder of observations was not given back there; None: it was.

    Under another name, or by a link, one content would count as those of two accounts.
    """
    if path.is_symlink():
        return "is a symbolic link; give the file itself"
    if path.parent.parent != folder or not _MONTH.fullmatch(path.parent.name):
        return "must be in the folder of its month"
    return None


def shared_files(folder: Path) -> tuple[Path, ...]:
    """Return everything below the folder of observations that is no folder, but for the index."""
    files: Iterable[Path] = (
        path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    )
    return tuple(sorted(path for path in files if path != folder / "index.json"))
