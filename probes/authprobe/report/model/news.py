"""The news of a run: its problems and changes, each told once with all of its cases (pure)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from authprobe.core.escaping import one_line
from authprobe.observation.fingerprint import CLIENT, describe_transition
from authprobe.report.model import matrix, phrases
from authprobe.report.model.version_changes import Subject, VersionChange
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status


def flaky_lines(record: CaseRecord) -> tuple[str, ...]:
    """Return what was not as expected in the attempts that failed, a line each."""
    mismatches = (m for attempt in record.verdict.attempts for m in attempt.mismatches)
    return tuple(dict.fromkeys(map(phrases.describe_mismatch, mismatches)))


def client_change(record: CaseRecord) -> str | None:
    """Return `client 2.1.112 → 2.1.332` if the baseline has another version of the client."""
    for transition in record.verdict.transitions:
        if transition.field == CLIENT:
            return one_line(describe_transition(transition))
    return None


def problem_lines(record: CaseRecord) -> tuple[str, ...]:
    """Return what changed, what is not as expected, and what explains it, a line each."""
    is_tested = record.verdict.status is not Status.ERROR
    changed = phrases.describe_changes(record) if is_tested else ()
    problem = phrases.describe_problem(record)
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
        pairs = [part.partition(" ")[::2] for part in row.client.split(" + ")]
        kind = "+".join(name for name, _ in pairs)
        version = pairs[0][1]  # of a gateway, its own versions alone
        versions.setdefault(kind, []).append(version)
        cases[kind] += len(row.cases)
    return tuple(_range(kind, versions[kind]) for kind, _ in cases.most_common())


def _range(kind: str, versions: list[str]) -> str:
    words = versions[0] if len(set(versions)) == 1 else f"{versions[0]} to {versions[-1]}"
    return f"{kind} {words}".rstrip()
