"""Strict reader of a causes file, with every problem at its line and column."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from authprobe.diagnosis.causes import Cause, CauseCertainty, CauseGroup, Tier, Weight
from authprobe.documents.document import read_document
from authprobe.documents.source import PathProblem, quote
from authprobe.documents.vocabulary import Vocabulary
from authprobe.errors import RecordError

CAUSES_VOCABULARY: Final = Vocabulary(
    document="a causes file",
    start="'- id:'",
    nouns={
        CauseGroup: "a group",
        Tier: "a tier",
        Weight: "a weight",
        CauseCertainty: "a certainty",
    },
)


def load_causes(path: Path) -> Mapping[str, Cause]:
    """Return the causes in a file by id.

    Raises:
        RecordError: every error in the file, in file order.
    """
    document = read_document(path, tuple[Cause, ...], CAUSES_VOCABULARY, check=_check)
    if document.value is None or document.problems:
        raise RecordError("\n".join(document.messages))
    return {cause.id: cause for cause in document.value}


def _check(document: tuple[Cause, ...]) -> Iterator[PathProblem]:
    ids: set[str] = set()
    for index, cause in enumerate(document):
        if cause.id in ids:
            yield (index, "id"), f"duplicate id {quote(cause.id)}; each cause needs its own"
        ids.add(cause.id)
    for index, cause in enumerate(document):
        for number, other in enumerate(cause.yields_to):
            if other not in ids:
                yield (index, "yields_to", number), f"no such cause: {quote(other)}"
