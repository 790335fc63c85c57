"""Strict reader of a questions file, with every problem at its line and column."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from authprobe.diagnosis.causes import UNKNOWN, CauseGroup, causes
from authprobe.diagnosis.incident.questions import FACTORS, GROUP_SUFFIX, DecidingQuestion
from authprobe.documents.document import read_document
from authprobe.documents.source import PathProblem, quote
from authprobe.documents.vocabulary import Vocabulary
from authprobe.errors import RecordError

QUESTIONS_VOCABULARY: Final = Vocabulary(document="a questions file", start="'- id:'")


def load_questions(path: Path) -> Mapping[str, DecidingQuestion]:
    """Return the questions in a file by id.

    Raises:
        RecordError: every error in the file, in file order.
    """
    document = read_document(path, tuple[DecidingQuestion, ...], QUESTIONS_VOCABULARY, check=_check)
    if document.value is None or document.problems:
        raise RecordError("\n".join(document.messages))
    return {question.id: question for question in document.value}


def _check(document: tuple[DecidingQuestion, ...]) -> Iterator[PathProblem]:
    ids: set[str] = set()
    for index, question in enumerate(document):
        if question.id in ids:
            yield (index, "id"), f"duplicate id {quote(question.id)}; each question needs its own"
        ids.add(question.id)
        answers: set[str] = set()
        for number, answer in enumerate(question.answers):
            place = (index, "answers", number)
            if answer.id in answers:
                yield (*place, "id"), f"duplicate id {quote(answer.id)}; each answer needs its own"
            answers.add(answer.id)
            for effect in FACTORS:
                for at, name in enumerate(getattr(answer, effect)):
                    if not _is_known(name):
                        yield (*place, effect, at), f"no such cause or group: {quote(name)}"


def _is_known(name: str) -> bool:
    if name.endswith(GROUP_SUFFIX):
        return name.removesuffix(GROUP_SUFFIX) in set(CauseGroup)
    return name in causes() and name != UNKNOWN
