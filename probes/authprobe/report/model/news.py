"""The news of a run: its problems and changes, each told once with all of its cases (pure)."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Final

from authprobe.observation.fingerprint import normalize_text
from authprobe.report.model import matrix, phrases
from authprobe.report.model.version_changes import Subject, VersionChange
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

CLIENT_FIELD: Final = "client"
"""Field of the transition that states both versions of the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseGroup:
    """Cases with the same result, the same changes and the same explanation."""

    records: tuple[CaseRecord, ...]

    @property
    def first(self) -> CaseRecord:
        """The case whose lines stand for all."""
        return self.records[0]


def problem_groups(run: Run) -> tuple[CaseGroup, ...]:
    """Return the cases that failed or broke, regressions first, equal ones together."""
    return _grouped(matrix.problems(run), _problem_key)


def change_groups(run: Run) -> tuple[CaseGroup, ...]:
    """Return the other cases that differ from the baseline, fixed ones first."""
    problems = (Status.FAILED, Status.ERROR)
    others = (r for r in matrix.changes(run) if r.verdict.status not in problems)
    return _grouped(others, lambda r: (phrases.change_word(r.verdict), r.verdict.transitions))


def _grouped(
    records: Iterable[CaseRecord], key: Callable[[CaseRecord], Hashable]
) -> tuple[CaseGroup, ...]:
    """Return the groups in the order of their first cases."""
    groups: dict[Hashable, list[CaseRecord]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return tuple(CaseGroup(records=tuple(group)) for group in groups.values())


def _problem_key(record: CaseRecord) -> Hashable:
    # Without the detail of a mismatch: it counts requests and seconds, which depend on chance.
    mismatches = tuple(map(phrases.describe_mismatch, record.verdict.mismatches))
    lines = mismatches or phrases.describe_problem(record)
    return (
        phrases.status_words(record.verdict),
        record.verdict.transitions,
        tuple(map(normalize_text, lines)),
        record.reasons,
        record.diagnosis and record.diagnosis.id,
    )


def client_change(record: CaseRecord) -> str | None:
    """Return `client 2.1.112 → 2.1.332` if the baseline has another version of the client."""
    for transition in record.verdict.transitions:
        if transition.field == CLIENT_FIELD:
            return f"client {transition.before} → {transition.after}"
    return None


def problem_lines(record: CaseRecord) -> tuple[str, ...]:
    """Return what changed, what is not as expected, and what explains it, a line each."""
    changed, problem = phrases.describe_changes(record), phrases.describe_problem(record)
    return (*changed, *problem, *phrases.describe_why(record))


def problem_words(record: CaseRecord) -> str:
    """Return a problem on one line: the change of the client, the reason, the mismatch."""
    reasons = (reason.summary.rstrip(".") for reason in record.reasons[:1])
    parts = (client_change(record), *reasons, phrases.describe_problem(record)[0])
    return "; ".join(part for part in parts if part)


def flow_of(change: VersionChange) -> str:
    """Return `worse`, `better` or `changed`."""
    return "worse" if change.is_worse else "better" if change.is_better else "changed"


def count_changes(changes: Iterable[VersionChange]) -> str:
    """Return the numbers of changes by what changed: `26 outcomes, 29 messages`."""
    subjects = [change.subject for change in changes]
    numbers = ((subject, subjects.count(subject)) for subject in Subject)
    return ", ".join(phrases.plural(number, subject) for subject, number in numbers if number)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCount:
    """A finding with the number of its cases, and the clients that show it."""

    name: str
    cases: int
    clients: tuple[str, ...]
    """Kinds of client with their versions."""


def count_findings(run: Run) -> tuple[FindingCount, ...]:
    """Return each finding once, the most severe first."""
    rows: dict[str, list[matrix.FindingRow]] = {}
    for row in matrix.findings(run):
        rows.setdefault(row.name, []).append(row)
    return tuple(
        FindingCount(name=name, cases=sum(len(r.cases) for r in found), clients=_clients(found))
        for name, found in rows.items()
    )


def _clients(rows: Iterable[matrix.FindingRow]) -> tuple[str, ...]:
    """Return each kind of client with its first and last version; that of most cases first."""
    versions: dict[str, list[str]] = {}
    cases: Counter[str] = Counter()
    for row in rows:
        kind, _, version = row.client.partition(" ")
        versions.setdefault(kind, []).append(version)
        cases[kind] += len(row.cases)
    return tuple(_range(kind, versions[kind]) for kind, _ in cases.most_common())


def _range(kind: str, versions: list[str]) -> str:
    words = versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}"
    return f"{kind} {words}".rstrip()
