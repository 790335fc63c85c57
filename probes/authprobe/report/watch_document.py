"""The JSON document of `authprobe watch --json`, and its schema."""

import datetime
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import TypeAdapter

from authprobe.core.escaping import for_json
from authprobe.core.json_schema import published
from authprobe.core.serialization import to_json
from authprobe.diff.watch import ClientCheck, VersionCheck, Watch
from authprobe.report.diff_document import DiffDocument, make_document

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A new version, compared with a version before it."""

    version: str
    before: str | None
    """Version that it was compared with; None: there is none before it."""
    spanned: tuple[str, ...]
    """New versions between both, which have no comparison of their own."""
    broke: bool
    complete: bool
    """False: a question could not be compared; the next check tries it again."""
    diff: DiffDocument | None
    """The comparison, as `authprobe diff --json` prints it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDocument:
    """New versions of one client, with their comparisons."""

    client: str
    problem: str | None
    """Reason that its versions are not known; everything else is empty then."""
    last_check: datetime.datetime | None
    """None: this is the first check of this client."""
    newest: str | None
    """Newest release that is published."""
    new: tuple[str, ...]
    """Releases since the last check, the oldest first; at the first check, only the newest."""
    waiting: tuple[str, ...]
    """Those of them that are left to the next check."""
    prereleases: tuple[str, ...]
    """Prereleases since the last check, which are not compared."""
    withdrawn: tuple[str, ...]
    """Versions that were withdrawn since the last check."""
    ignored: tuple[str, ...]
    """Published texts that are no exact version to the installer, or are too long."""
    comparisons: tuple[Comparison, ...]
    """The oldest version first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchDocument:
    """Check of what is new, and of what it broke."""

    scope: str
    """Cases that are compared."""
    broke: bool
    """True if a question broke in a new version."""
    complete: bool
    """True if every registry answered and every comparison was complete."""
    clients: tuple[ClientDocument, ...]
    schema_version: Literal[1] = SCHEMA_VERSION


def dump_document(watch: Watch) -> str:
    """Return the check as JSON text."""
    document = WatchDocument(
        scope=watch.scope,
        broke=watch.broke,
        complete=watch.complete,
        clients=tuple(map(_client, watch.clients)),
    )
    return for_json(to_json(document, indent=1).decode())


def _client(client: ClientCheck) -> ClientDocument:
    found = client.new_versions
    return ClientDocument(
        client=client.client,
        problem=client.problem,
        last_check=found.checked_at if found else None,
        newest=found.published[-1] if found else None,
        new=found.new if found else (),
        waiting=client.waiting,
        prereleases=found.prereleases if found else (),
        withdrawn=found.withdrawn if found else (),
        ignored=client.ignored,
        comparisons=tuple(map(_comparison, client.checks)),
    )


def _comparison(check: VersionCheck) -> Comparison:
    return Comparison(
        version=check.version,
        before=check.before,
        spanned=check.spanned,
        broke=check.broke,
        complete=check.complete,
        diff=make_document(check.diff, check.command) if check.diff else None,
    )


def dump_schema() -> str:
    """Return the JSON Schema (2020-12) of the document, as text."""
    schema = TypeAdapter(WatchDocument).json_schema(mode="serialization")
    document = published(schema, file="docs/watch.schema.json", title="authprobe watch")
    return to_json(document, indent=2).decode() + "\n"
