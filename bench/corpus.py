"""The corpus of symptoms, by parts; see tests/diagnosis/corpus/PROTOCOL.md."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

CORPUS: Final = Path(__file__).parent.parent / "tests" / "diagnosis" / "corpus"
FOLDS: Final = 8


def read_part(part: str) -> list[dict[str, Any]]:
    """Return the entries of `read`, `unread` or `made-up`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (CORPUS / f"{part}.yaml").read_text("utf-8")
    entries: list[dict[str, Any]] = yaml.load(text, Loader=loader)  # noqa: S506 - safe loaders
    return entries


def project_of(entry: Mapping[str, Any]) -> str:
    """Return the project of a thread."""
    source: str = entry["source"]
    return source.partition("#")[0].lower()


def fold(project: str) -> int:
    """Return the part in which the threads of a project are scored."""
    return int(hashlib.sha256(project.encode()).hexdigest(), 16) % FOLDS
