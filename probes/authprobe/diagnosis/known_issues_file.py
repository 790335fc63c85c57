"""Strict reader of a known-issues file, with every problem at its line and column."""

from pathlib import Path
from typing import Final

from authprobe.diagnosis.known_issues import KnownIssues
from authprobe.documents.document import read_document
from authprobe.documents.vocabulary import Vocabulary
from authprobe.errors import RecordError

KNOWN_ISSUES_VOCABULARY: Final = Vocabulary(document="a known-issues file", start="'incidents'")


def load_known_issues(path: Path) -> KnownIssues:
    """Return the known issues in a file.

    Raises:
        RecordError: every error in the file, in file order.
    """
    document = read_document(path, KnownIssues, KNOWN_ISSUES_VOCABULARY)
    if document.value is None or document.problems:
        raise RecordError("\n".join(document.messages))
    return document.value
