"""Texts of the user's own scenarios in `results.json`: whoever gets the file can run them."""

from collections.abc import Iterable, Mapping
from typing import Final

from authprobe.redaction.redactor import Redactor
from authprobe.run.model import CaseRecord

MAX_TEXT_LENGTH: Final = 30_000
"""Characters of one scenario: about five hundred lines, and half of what an issue takes."""
MAX_TOTAL_LENGTH: Final = 1_000_000
"""Characters of all scenarios of a run."""


def recorded_texts(
    texts: Mapping[str, str], records: Iterable[CaseRecord], redactor: Redactor
) -> dict[str, str]:
    """Return the texts of the scenarios that these records belong to, redacted.

    A text that is too long is left out: half a scenario cannot be run.
    """
    kept: dict[str, str] = {}
    room = MAX_TOTAL_LENGTH
    for id in sorted({record.scenario for record in records} & texts.keys()):
        if len(texts[id]) <= min(MAX_TEXT_LENGTH, room):
            kept[id] = redactor(texts[id])
            room -= len(kept[id])
    return kept
