"""What is known to have been wrong: with the service on a day, with Claude Code in a version."""

import datetime
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authprobe.core.version_ranges import version_key
from authprobe.diagnosis.causes import address
from authprobe.documents import node_tree
from authprobe.documents.source import SourceError, read_text
from authprobe.errors import RecordError

FILE: Final = Path(__file__).with_name("known_issues.yaml")
_INCIDENT: Final = frozenset({"from", "to", "what", "causes", "sources"})
_REGRESSION: Final = _INCIDENT | {"fixed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Trouble on the side of the service."""

    begin: datetime.date
    end: datetime.date
    what: str
    causes: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Trouble in some versions of Claude Code."""

    begin: str | None
    """None: it was always so."""
    end: str | None
    """The last version that is known to be concerned; None: the one before `fixed`."""
    fixed: str | None
    what: str
    causes: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def versions(self) -> str:
        """The versions in words: `1.0.82 to before 1.0.88`."""
        last = f"before {self.fixed}" if self.fixed else self.end
        if self.begin is None:
            return str(last)
        return self.begin if self.begin == self.end else f"{self.begin} to {last}"

    def concerns(self, version: str) -> bool:
        """Whether the version is one of them."""
        place = version_key(version)
        return (
            (self.begin is None or place >= version_key(self.begin))
            and (self.end is None or place <= version_key(self.end))
            and (self.fixed is None or place < version_key(self.fixed))
        )


@dataclass(frozen=True, slots=True)
class KnownIssues:
    """All that is known."""

    incidents: tuple[Incident, ...]
    regressions: tuple[Regression, ...]

    def on(self, day: datetime.date, causes: tuple[str, ...]) -> tuple[Incident, ...]:
        """Incidents of that day that look like one of these causes."""
        return tuple(
            incident
            for incident in self.incidents
            if incident.begin <= day <= incident.end and set(causes) & set(incident.causes)
        )

    def of(self, version: str, causes: tuple[str, ...]) -> tuple[Regression, ...]:
        """Regressions of that version that look like one of these causes."""
        return tuple(
            regression
            for regression in self.regressions
            if regression.concerns(version) and set(causes) & set(regression.causes)
        )


@functools.cache
def history() -> KnownIssues:
    """What is in the file.

    Raises:
        RecordError: the file is not as it must be.
    """
    return load_known_issues(FILE)


def load_known_issues(path: Path) -> KnownIssues:
    """What is in such a file.

    Raises:
        RecordError: it is not as it must be.
    """
    try:
        tree = node_tree.compose(read_text(path))
    except SourceError as error:
        at = error.flaw.at
        raise RecordError(f"{path}:{at.line}:{at.column}: {error.flaw.text}") from None
    parts: dict[str, list[Any]] = {"incidents": [], "regressions": []}
    root = tree.root
    if not isinstance(root, node_tree.Mapping) or set(root.nodes) != set(parts):
        raise RecordError(f"{path}:1: needs 'incidents' and 'regressions'")
    for name, known in (("incidents", _INCIDENT), ("regressions", _REGRESSION)):
        items = root.nodes[name]
        for node in items.nodes if isinstance(items, node_tree.Items) else ():
            entry = node_tree.plain(node)
            if not isinstance(entry, dict) or not {"what", "causes", "sources"} <= set(entry):
                raise RecordError(f"{path}:{node.at.line}: needs 'what', 'causes' and 'sources'")
            if odd := sorted(set(entry) - known):
                raise RecordError(f"{path}:{node.at.line}: unknown key '{odd[0]}'")
            try:
                parts[name].append(_READ[name](entry))
            except (KeyError, ValueError, TypeError) as error:
                raise RecordError(f"{path}:{node.at.line}: {error}") from None
    return KnownIssues(tuple(parts["incidents"]), tuple(parts["regressions"]))


def _incident(entry: Mapping[str, Any]) -> Incident:
    begin = datetime.date.fromisoformat(entry["from"])
    end = datetime.date.fromisoformat(entry["to"]) if "to" in entry else begin
    return Incident(begin=begin, end=end, **_common(entry))


def _regression(entry: Mapping[str, Any]) -> Regression:
    for key in ("from", "to", "fixed"):
        if key in entry:
            version_key(str(entry[key]))
    return Regression(
        begin=entry.get("from"), end=entry.get("to"), fixed=entry.get("fixed"), **_common(entry)
    )


def _common(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "what": str(entry["what"]),
        "causes": tuple(entry["causes"]),
        "sources": tuple(address(source) for source in entry["sources"]),
    }


_READ: Final = {"incidents": _incident, "regressions": _regression}
