"""Writing of known failures: entries are added to the file as text, and the rest stays as it is.

PyYAML, which reads the file, finds the place. A library that writes whole documents back, such as
ruamel.yaml, would keep the comments, but not the indentation and line breaks of the user.
"""

import datetime
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml

from authprobe.core.escaping import escape_nonprintable
from authprobe.documents.source import SourceError, read_text
from authprobe.errors import ScenarioError, SettingsError
from authprobe.observation.fingerprint import normalize_text
from authprobe.run.known_failures import ENTRIES_KEY, load_known_failures
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import TextRule
from authprobe.verdict.known_failure import KnownFailure, Signature

MAX_MESSAGE_LENGTH: Final = 200
"""Length of the part of a message by which a failure is recognised."""
MIN_MESSAGE_LENGTH: Final = 8
INDENT: Final = 2
SUFFIXES: Final = (".yaml", ".yml")
"""Endings of the name of a file that may be empty: others, such as .gitignore, may have only
comments in their own language.
"""
_PLACEHOLDER: Final = re.compile(r"\[(?:id|time|duration|port|path)\]|[\n\r\t]+")


def make_entry(
    record: CaseRecord, *, note: str, until: datetime.date, issue: str | None
) -> KnownFailure:
    """Return an entry that excuses the failure of this case, and no other failure of it."""
    observation = record.observation
    return KnownFailure(
        case=record.id,
        signature=Signature(
            outcome=observation.outcome,
            status=observation.status,
            error_type=observation.error_type or None,
            message=_message_rule(observation.message),
        ),
        expires=until,
        issue=issue,
        note=note,
    )


def _message_rule(message: str | None) -> TextRule | None:
    """Return the longest part of a message that is the same in every run."""
    parts = _PLACEHOLDER.split(normalize_text(message or ""))
    longest = max(parts, key=len)[:MAX_MESSAGE_LENGTH].strip()
    usable = len(longest) >= MIN_MESSAGE_LENGTH and longest in (message or "")
    return TextRule(contains=longest) if usable else None


def entry_text(entry: KnownFailure, indent: int = INDENT) -> str:
    """Return an entry as an item of the list in a known-failures file."""
    rule = entry.signature.message
    signature = {
        "outcome": entry.signature.outcome.value,
        "status": entry.signature.status,
        "error_type": entry.signature.error_type,
        "message": {"contains": rule.contains} if isinstance(rule, TextRule) else rule,
    }
    values = {
        "case": entry.case,
        "signature": {name: value for name, value in signature.items() if value is not None},
        "expires": entry.expires,
        "issue": entry.issue,
        "note": entry.note,
    }
    present = {name: value for name, value in values.items() if value is not None}
    text = yaml.safe_dump([present], sort_keys=False, allow_unicode=True, width=100)
    if escape_nonprintable(text) != text:  # an id, for example, with text from right to left
        text = yaml.safe_dump([present], sort_keys=False, width=100)
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())


def extended_text(path: Path, entries: Sequence[KnownFailure], today: datetime.date) -> str:
    """Return the text of a known-failures file with these entries at its end.

    Raises:
        ScenarioError, SettingsError: the file has errors, has an entry for one of the cases, or is
            written in a way that text cannot be added to.
    """
    if not path.exists():
        return f"{ENTRIES_KEY}:\n" + "".join(map(entry_text, entries))
    old = load_known_failures(path, today)
    text = read_text(path)
    if path.suffix not in SUFFIXES and ENTRIES_KEY not in text:
        raise SettingsError(
            f"{path}: is no list of known failures; name a file that ends in {SUFFIXES[0]}, or "
            f"write '{ENTRIES_KEY}: []' into this one"
        )
    places = {entry.case: place for place, entry in old.entries}
    for entry in entries:
        if place := places.get(entry.case):
            raise SettingsError(f"{place}: {entry.case} has an entry already; change that one")
    text = _with_entries(text, entries)
    if _entries(text, today) != [*(entry for _, entry in old.entries), *entries]:
        raise SettingsError(
            f"{path}: its list cannot be extended; add this to it yourself:\n"
            + "".join(map(entry_text, entries))
        )
    return text


def _with_entries(text: str, entries: Sequence[KnownFailure]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not (isinstance(root, yaml.MappingNode) and root.value):  # no more than `---`
        added = f"{ENTRIES_KEY}:\n" + "".join(map(entry_text, entries))
    else:
        node = root.value[0][1]
        is_empty = not node.value
        if is_empty:  # written as []
            text = text[: node.start_mark.index].rstrip() + text[node.end_mark.index :]
        indent = INDENT if is_empty else node.start_mark.column
        added = "".join(entry_text(entry, indent) for entry in entries)
    separator = newline if text and not text.endswith("\n") else ""
    return text + separator + added.replace("\n", newline)


def _entries(text: str, today: datetime.date) -> list[KnownFailure]:
    """Return the entries of a text; none if it is invalid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "known-failures.yaml")
        path.write_bytes(text.encode())
        try:
            return [entry for _, entry in load_known_failures(path, today).entries]
        except (ScenarioError, SourceError):
            return []
