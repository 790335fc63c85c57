"""The JSON document of `authprobe diff --json`, and its schema."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import TypeAdapter

from authprobe.core.escaping import for_json
from authprobe.core.json_schema import published
from authprobe.core.serialization import to_json
from authprobe.diff.judgement import Effect
from authprobe.diff.model import Background, Diff
from authprobe.diff.observations import Change

SCHEMA_VERSION: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question that was asked of both sides."""

    id: str
    """Id of the case without client versions, if that is unique."""
    title: str
    effect: Effect | None
    """What became of it; None: it was not compared."""
    reasons: tuple[str, ...]
    """What is worse if it broke; what is better if it was fixed."""
    changes: tuple[Change, ...]
    """Every difference that is not in the background."""
    not_compared: str | None
    """Reason that it was not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffDocument:
    """Comparison of two versions of a client, or of two runs."""

    title: str
    before: str
    """Client or run."""
    after: str
    counts: dict[Effect, int]
    questions: tuple[Question, ...]
    """Those that broke first, then by `effect`; those that were not compared last."""
    background: tuple[Background, ...]
    """Changes that every question has in which they could show."""
    only_before: tuple[str, ...]
    """Cases of the first side only, by id."""
    only_after: tuple[str, ...]
    clients: tuple[str, ...]
    """Clients whose version differs between two runs."""
    command: str | None
    """Command that makes the comparison again; None: it names files elsewhere."""
    schema_version: Literal[2] = SCHEMA_VERSION


def make_document(diff: Diff, command: str | None) -> DiffDocument:
    """Return the comparison for programs."""
    return DiffDocument(
        title=diff.title,
        before=diff.before,
        after=diff.after,
        counts={effect: len(diff.having(effect)) for effect in Effect},
        questions=tuple(
            Question(
                id=case.case,
                title=case.title,
                effect=None if case.reason else case.effect,
                reasons=case.reasons,
                changes=case.changes,
                not_compared=case.reason,
            )
            for case in diff.cases
        ),
        background=diff.background,
        only_before=diff.only_before,
        only_after=diff.only_after,
        clients=diff.clients,
        command=command,
    )


def dump_document(diff: Diff, command: str | None) -> str:
    """Return the comparison as JSON text."""
    return for_json(to_json(make_document(diff, command), indent=1).decode())


def dump_schema() -> str:
    """Return the JSON Schema (2020-12) of the document, as text."""
    schema = TypeAdapter(DiffDocument).json_schema(mode="serialization")
    document = published(schema, file="docs/diff.schema.json", title="authprobe diff")
    return to_json(document, indent=2).decode() + "\n"
