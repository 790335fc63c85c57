"""A run becomes rows and columns: every drawing of the report starts from these values (pure)."""

import re
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Final

from authprobe.observation.findings import finding_meanings
from authprobe.observation.model import ChildNetwork, Outcome
from authprobe.report.model.phrases import (
    USUAL_FLOWS,
    auth_path,
    describe_changes,
    describe_outcome,
    describe_problem,
    plural,
    was_probed,
)
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import BaselineState, Status

_WORST_FIRST = (Status.FAILED, Status.ERROR, Status.SKIPPED, Status.PASSED)
_WORD = sys.maxsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A client as the scenarios name it, and the versions that really ran under that name."""

    client: str
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """An auth path; a cell for each column of the table, None where there is no such case."""

    label: str
    cells: tuple[CaseRecord | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixGroup:
    """The rows of one scenario."""

    scenario: str
    title: str
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Auth paths by client versions."""

    columns: tuple[Column, ...]
    groups: tuple[MatrixGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding of one client at one version, and the cases that show it."""

    name: str
    client: str
    text: str
    """What was seen in the first of them."""
    cases: tuple[CaseRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The run in one line."""

    status: Status
    word: str
    counts: str


def make_tables(run: Run) -> tuple[Matrix, ...]:
    """The matrix of the run, rows by scenario and columns by client, in as few parts as it takes.

    Scenarios without a client in common stand in different parts: side by side they would be a
    table of empty cells.
    """
    parts: list[tuple[set[str], set[str]]] = []
    for name in dict.fromkeys(record.scenario for record in run.cases):
        scenarios, clients = {name}, {r.client for r in run.cases if r.scenario == name}
        for part in [part for part in parts if part[1] & clients]:
            parts.remove(part)
            scenarios, clients = scenarios | part[0], clients | part[1]
        parts.append((scenarios, clients))
    widest_first = sorted(parts, key=lambda part: (-len(part[1]), min(part[0])))
    return tuple(_table(run, *part) for part in widest_first)


def counts(run: Run) -> dict[Status, int]:
    """How many cases have each status, the worst first, without zeros."""
    found = Counter(record.verdict.status for record in run.cases)
    return {status: found[status] for status in _WORST_FIRST if found[status]}


def problems(run: Run) -> tuple[CaseRecord, ...]:
    """The cases that failed or broke: regressions first, then failures, then errors."""
    bad = (r for r in run.cases if r.verdict.status in (Status.FAILED, Status.ERROR))
    return tuple(
        sorted(
            bad,
            key=lambda r: (not r.verdict.regressed, _WORST_FIRST.index(r.verdict.status), r.id),
        )
    )


def changes(run: Run) -> tuple[CaseRecord, ...]:
    """The cases that are not as in the baseline: regressions first."""
    changed = (r for r in run.cases if r.verdict.regressed or r.verdict.transitions)
    return tuple(sorted(changed, key=lambda r: (not r.verdict.regressed, r.id)))


def change_words(record: CaseRecord) -> tuple[str, ...]:
    """What has changed about a case, as lines; what is wrong with it where nothing has."""
    return describe_changes(record) or describe_problem(record)


def baseline_words(run: Run) -> str | None:
    """How many cases have which state, compared with the baseline; None: there is none."""
    found = Counter(record.verdict.baseline for record in run.cases)
    if not run.absent and set(found) <= {BaselineState.NEW}:
        return None
    numbers = {state: found[state] for state in BaselineState} | {
        BaselineState.ABSENT: len(run.absent)
    }
    words = ", ".join(f"{number:,} {state}" for state, number in numbers.items() if number)
    return f"Against the baseline: {words}"


def headline(run: Run) -> Headline:
    """The verdict on the run; `Passed` only if it ended and its cases can tell good from bad."""
    found = counts(run)
    match found:
        case {Status.FAILED: _}:
            status, word = Status.FAILED, "Failed"
        case _ if run.complaints:
            status, word = Status.FAILED, "Failed"
        case {Status.ERROR: _}:
            status, word = Status.ERROR, "Errors"
        case _ if run.interrupted:
            status, word = Status.ERROR, "Interrupted"
        case _ if inconclusive_reason(run):
            status, word = Status.ERROR, "Proves nothing"
        case {Status.PASSED: _}:
            status, word = Status.PASSED, "Passed"
        case _:
            status, word = Status.SKIPPED, "Skipped"
    return Headline(status=status, word=word, counts=_count_words(run, found))


def inconclusive_reason(run: Run) -> str | None:
    """Why the run says nothing about authentication, in one sentence; None if it says something."""
    if not run.cases:
        return "This run proves nothing: it has no cases."
    probed = [record.observation for record in run.cases if was_probed(record)]
    if not probed:
        total = plural(len(run.cases), "case")
        return f"This run proves nothing: none of its {total} could be tested here."
    ways = {(o.outcome, o.status, o.error_type, o.message) for o in probed}
    if len(probed) < 2 or len(ways) > 1 or probed[0].outcome is Outcome.ACCEPTED:
        return None
    return (
        f"This run proves nothing: all {len(probed)} cases that could be tested were refused in "
        f"the same way ({describe_outcome(probed[0])}), and a broken set-up would look the same."
    )


def warnings(run: Run) -> tuple[str, ...]:
    """What must be known before anything else in the run is believed, a sentence each."""
    interrupted = "The run was interrupted: some cases are missing." if run.interrupted else None
    return tuple(
        sentence
        for sentence in (inconclusive_reason(run), interrupted, *run.complaints)
        if sentence
    )


def run_words(run: Run) -> str:
    """When, where and with what the run was made."""
    return " · ".join(
        (
            f"{run.tool.name} {run.tool.version}",
            run.mode,
            f"{run.started_at:%Y-%m-%d %H:%M %Z}".strip(),
            f"{run.elapsed:.1f} s",
            f"{run.platform.system} {run.platform.machine}",
            f"Python {run.platform.python}",
            *([_NETWORKS[run.client_network]] if run.client_network else []),
        )
    )


_NETWORKS: Final = {
    ChildNetwork.LOOPBACK: "clients without any network but loopback",
    ChildNetwork.MACHINE: "clients led to the proxy by their environment alone",
}


def ran_words(column: Column) -> str:
    """The versions that ran, under the name of the client."""
    return f"ran {', '.join(column.versions)}" if column.versions else "no version seen"


def _table(run: Run, scenarios: set[str], clients: set[str]) -> Matrix:
    columns = tuple(
        Column(client=client, versions=_versions(run, client))
        for client in sorted(clients, key=natural)
    )
    return Matrix(
        columns=columns,
        groups=tuple(_group(run, name, columns) for name in sorted(scenarios)),
    )


def _versions(run: Run, client: str) -> tuple[str, ...]:
    seen = {r.client_version for r in run.cases if r.client == client and r.client_version}
    return tuple(sorted(seen, key=natural))


def _group(run: Run, scenario: str, columns: tuple[Column, ...]) -> MatrixGroup:
    records = [record for record in run.cases if record.scenario == scenario]
    by_path: dict[tuple[str, ...], dict[str, CaseRecord]] = {}
    for record in records:
        flow = "" if record.flow in USUAL_FLOWS else record.flow
        axes = ("endpoint", "credential", "headers", "backend", "environment")
        path = (*(getattr(record, axis) for axis in axes), flow)
        by_path.setdefault(path, {})[record.client] = record
    rows = (
        MatrixRow(
            label=auth_path(next(iter(cells.values()))),
            cells=tuple(cells.get(column.client) for column in columns),
        )
        for _, cells in sorted(by_path.items())
    )
    return MatrixGroup(scenario=scenario, title=records[0].title, rows=tuple(rows))


def _count_words(run: Run, found: dict[Status, int]) -> str:
    words = {status: f"{number:,} {status}" for status, number in found.items()}
    if Status.ERROR in found:
        words[Status.ERROR] = plural(found[Status.ERROR], "error")
    regressed = sum(record.verdict.regressed for record in run.cases)
    if Status.FAILED in found and regressed:
        words[Status.FAILED] += f" ({regressed:,} regressed)"
    known = sum(record.verdict.known is not None for record in run.cases)
    if known:
        words[Status.SKIPPED] += f" ({plural(known, 'known failure')})"
    total = plural(len(run.cases), "case")
    return f"{total}: {', '.join(words.values())}" if words else total


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A sort key by which 2.1.9 comes before 2.1.50, and numbers before words."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((len(x.lstrip("0")), x.lstrip("0")) if x.isdigit() else (_WORD, x) for x in parts)


def findings(run: Run) -> tuple[FindingRow, ...]:
    """Every finding, worst first, then by client and version."""
    found: dict[tuple[str, str], list[tuple[CaseRecord, str]]] = {}
    for record in run.cases:
        for finding in record.findings:
            client = client_words(record)
            found.setdefault((finding.name, client), []).append((record, finding.text))
    ranks = {name: number for number, name in enumerate(finding_meanings())}
    keys = sorted(found, key=lambda key: (ranks.get(key[0], len(ranks)), natural(key[1])))
    return tuple(
        FindingRow(
            name=name,
            client=client,
            text=found[name, client][0][1],
            cases=tuple(record for record, _ in found[name, client]),
        )
        for name, client in keys
    )


def client_words(record: CaseRecord) -> str:
    """The client as it was named, at the version that ran."""
    kind = record.client.partition("@")[0]
    return f"{kind} {record.client_version}" if record.client_version else record.client
