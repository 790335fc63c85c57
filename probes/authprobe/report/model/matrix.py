"""A run as rows, columns and summary lines: the values that every report format draws (pure)."""

import re
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Final

from authprobe.core.isolation import Isolation
from authprobe.core.targets import Target
from authprobe.errors import ExitCode
from authprobe.observation.findings import finding_meanings
from authprobe.observation.model import ChildNetwork, Outcome
from authprobe.plan.case_ids import named_versions, without_version
from authprobe.report.model.phrases import (
    describe_changes,
    describe_outcome,
    describe_problem,
    outcome_words,
    plural,
    was_probed,
)
from authprobe.run.gates import gate_result, gate_warnings, missing_words
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import BaselineState, Status

WORST_FIRST: Final = (
    Status.FAILED,
    Status.ERROR,
    Status.SKIPPED,
    Status.OBSERVED,
    Status.PASSED,
)
_AFTER_NUMBERS: Final = sys.maxsize
"""Length in the sort key of a word, which puts words after all numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding about one version of a client, and the cases that show it."""

    name: str
    client: str
    text: str
    """Text of the finding in the first of the cases."""
    cases: tuple[CaseRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The verdict on a run, in one line."""

    status: Status
    word: str
    counts: str


def counts(run: Run) -> dict[Status, int]:
    """Return the number of cases with each status, the worst first, without zeros."""
    numbers = Counter(record.verdict.status for record in run.cases)
    return {status: numbers[status] for status in WORST_FIRST if numbers[status]}


def problems(run: Run) -> tuple[CaseRecord, ...]:
    """Return the cases that failed or broke: regressions, then failures, then errors."""
    bad = (r for r in run.cases if r.verdict.status in (Status.FAILED, Status.ERROR))
    return tuple(
        sorted(
            bad,
            key=lambda r: (not r.verdict.regressed, WORST_FIRST.index(r.verdict.status), r.id),
        )
    )


def changes(run: Run) -> tuple[CaseRecord, ...]:
    """Return the cases that differ from the baseline: regressed, fixed, then changed."""
    changed = (
        r for r in run.cases if r.verdict.regressed or r.verdict.fixed or r.verdict.transitions
    )
    return tuple(
        sorted(changed, key=lambda r: (not r.verdict.regressed, not r.verdict.fixed, r.id))
    )


def change_words(record: CaseRecord) -> tuple[str, ...]:
    """Return the changes of a case as lines, or its problem if there are no changes."""
    return describe_changes(record) or describe_problem(record)


def baseline_words(run: Run) -> str | None:
    """Return a sentence with the number of cases in each baseline state, if there is one."""
    words = baseline_counts(run)
    return words and f"Compared with the baseline: {words}"


def baseline_counts(run: Run) -> str | None:
    """Return the number of cases in each baseline state, or None if there is no baseline."""
    tested = [record for record in run.cases if record.verdict.status is not Status.ERROR]
    states = Counter(record.verdict.baseline for record in tested)
    if not run.absent and {record.verdict.baseline for record in run.cases} <= {BaselineState.NEW}:
        return None
    numbers: dict[str, int] = {state: states[state] for state in BaselineState}
    numbers |= {BaselineState.ABSENT: len(run.absent), "not compared": len(run.cases) - len(tested)}
    return ", ".join(f"{number:,} {state}" for state, number in numbers.items() if number)


def headline(run: Run) -> Headline:
    """Return the verdict on the run.

    It is `Passed` only if the run is complete, and its cases can tell good credentials from bad.
    """
    numbers = counts(run)
    match numbers:
        case {Status.FAILED: _}:
            status, word = Status.FAILED, "Failed"
        case _ if gate_result(run).exit_code is ExitCode.FAILURES or run.complaints:
            status, word = Status.FAILED, "Failed"
        case {Status.ERROR: _}:
            status, word = Status.ERROR, "Errors"
        case _ if run.interrupted:
            status, word = Status.ERROR, "Interrupted"
        case _ if inconclusive_reason(run):
            status, word = Status.ERROR, "Inconclusive"
        case {Status.PASSED: _}:
            status, word = Status.PASSED, "Passed"
        case {Status.OBSERVED: _}:
            status, word = Status.OBSERVED, "Observed"
        case _:
            status, word = Status.SKIPPED, "Skipped"
    return Headline(status=status, word=word, counts=_count_words(run, numbers))


def inconclusive_reason(run: Run) -> str | None:
    """Return why the run says nothing about authentication, or None if it does say something."""
    if not run.cases:
        return "Inconclusive: this run has no cases."
    probed = [record.observation for record in run.cases if was_probed(record)]
    if run.selection.is_command:
        details = (record.observation.detail or "unknown" for record in run.cases)
        return None if probed else f"Inconclusive: {'; '.join(details)}."
    if not probed:
        total = plural(len(run.cases), "case")
        return f"Inconclusive: none of {total} could be tested here."
    if all(r.target is Target.LIVE and r.observation.status for r in run.cases if was_probed(r)):
        return None  # the service itself refused, in whatever setup
    ways = {(o.outcome, o.status, o.error_type, o.message) for o in probed}
    if len(probed) < 2 or len(ways) > 1 or probed[0].outcome is Outcome.ACCEPTED:
        return None
    return (
        f"Inconclusive: all {len(probed)} cases that could be tested were refused in the same way "
        f"({describe_outcome(probed[0])}), as they would be with a broken setup."
    )


def warnings(run: Run) -> tuple[str, ...]:
    """Return reasons to distrust the rest of the report, a sentence each."""
    return tuple(
        sentence
        for sentence in (
            inconclusive_reason(run),
            _interrupted_words(run),
            _shard_words(run),
            _stopped_words(run),
            *gate_warnings(run),
            *run.complaints,
        )
        if sentence
    )


def _interrupted_words(run: Run) -> str | None:
    """Return that a run was interrupted, or lacks shards; None: it was not."""
    if not run.interrupted:
        return None
    if run.selection.is_command:
        return "The command was interrupted: what it had done until then is here."
    total = plural(len(run.cases) + run.not_started, "case")
    are = "is" if run.not_started == 1 else "are"
    missing = f"{run.not_started:,} of {total} {are}" if run.not_started else "some cases are"
    if run.missing_shards:
        words = missing_words(run.missing_shards)
        return f"{words[0].upper()}{words[1:]}: {missing} not here."
    return f"The run was interrupted: {missing} missing."


def _shard_words(run: Run) -> str | None:
    """Return that the other shards of a run are not in it; None: it is no shard."""
    if run.shard is None:
        return None
    return (
        f"This is shard {run.shard} of a run with {plural(run.shard.cases, 'case')}: the others "
        "are not here, and `authprobe merge` judges them together."
    )


def _stopped_words(run: Run) -> str | None:
    """Return that a run stopped before its end, and how many cases are missing."""
    if not run.not_started or run.interrupted:
        return None
    missing = f"{plural(run.not_started, 'case')} {'is' if run.not_started == 1 else 'are'} missing"
    return f"The run stopped early, as --max-failures {run.max_failures} says: {missing}."


def exit_words(run: Run) -> str | None:
    """Return the exit code of the run with the reason for it; None: there is nothing to explain."""
    return gate_result(run).reason


def run_words(run: Run) -> str:
    """Return the tool, mode, time, duration and platform of the run."""
    return " · ".join(
        (
            f"{run.tool.name} {run.tool.version}",
            " and ".join(target for target in Target if _has_target(run, target)) or run.mode,
            f"{run.started_at:%Y-%m-%d %H:%M %Z}".strip(),
            f"{run.elapsed:.1f} s",
            f"{run.platform.system} {run.platform.machine}",
            f"Python {run.platform.python}",
            *((f"suite {run.selection.suite}",) if run.selection.suite else ()),
            *_merged_words(run),
            *_isolation_words(run),
        )
    )


def _merged_words(run: Run) -> tuple[str, ...]:
    """Return from how many shards a run was merged, and of how many; none: it was not."""
    if run.merged_shards is None:
        return ()
    missing = len(run.missing_shards)
    number = f"{run.merged_shards} of {run.merged_shards + missing} shards"
    return (f"merged from {number if missing else plural(run.merged_shards, 'shard')}",)


def _has_target(run: Run, target: Target) -> bool:
    return any(record.target is target for record in run.cases)


_ISOLATIONS: Final = {
    Isolation.SEALED: "clients sealed: each in a container of its own",
    Isolation.NETWORK: "clients not sealed: loopback only, but with the files of this user",
    Isolation.NONE: "clients not isolated: proxy set by environment variables only",
}


_COMMAND_ISOLATIONS: Final = {
    Isolation.SEALED: "command sealed: in a container of its own",
    Isolation.NETWORK: "command not sealed: loopback only, but with the files of this user",
    Isolation.NONE: "command not isolated: proxy set by environment variables only",
}


def _isolation_words(run: Run) -> tuple[str, ...]:
    """Return the isolation of the clients, with the reason why it is not the strongest."""
    if run.client_isolation is None:
        return (_NETWORKS[run.client_network],) if run.client_network else ()
    words = _ISOLATIONS[run.client_isolation]
    if run.selection.is_command:
        words = _COMMAND_ISOLATIONS[run.client_isolation]
    if run.isolation_refusal:
        return (f"{words} ({run.isolation_refusal})",)
    if run.selection.is_command:
        return (words,)
    # Without a refusal, the clients have what was asked for.
    is_weaker = run.selection.isolation is not Isolation.SEALED
    return (f"{words} (--isolation {run.selection.isolation})" if is_weaker else words,)


_NETWORKS: Final = {
    ChildNetwork.LOOPBACK: "clients isolated: loopback only",
    ChildNetwork.MACHINE: _ISOLATIONS[Isolation.NONE],
}
"""Words for a run of an earlier version."""


def _count_words(run: Run, numbers: dict[Status, int]) -> str:
    if run.selection.is_command:
        return "; ".join(map(_command_words, run.cases))
    words = {status: f"{number:,} {status}" for status, number in numbers.items()}
    if Status.ERROR in numbers:
        words[Status.ERROR] = plural(numbers[Status.ERROR], "error")
    regressed = sum(record.verdict.regressed for record in run.cases)
    if Status.FAILED in numbers and regressed:
        words[Status.FAILED] += f" ({regressed:,} regressed)"
    flaky = sum(record.verdict.flaky for record in run.cases)
    if flaky:
        words[Status.PASSED] += f" ({flaky:,} flaky)"
    known_failures = sum(record.verdict.known is not None for record in run.cases)
    if known_failures:
        words[Status.SKIPPED] += f" ({plural(known_failures, 'known failure')})"
    total = plural(len(run.cases), "case")
    return f"{total}: {', '.join(words.values())}" if words else total


def _command_words(record: CaseRecord) -> str:
    """Return a command, its outcome and its exit code."""
    code = record.observation.exit_code
    exit_words = "" if code is None else f", exit code {code}"
    return f"{record.title}: {outcome_words(record.observation)}{exit_words}"


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key that puts 2.1.9 before 2.1.50, and numbers before words."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple(
        (len(x.lstrip("0")), x.lstrip("0")) if x.isdigit() else (_AFTER_NUMBERS, x) for x in parts
    )


def findings(run: Run) -> tuple[FindingRow, ...]:
    """Return every finding, the most severe first, then by client and version."""
    by_name: dict[tuple[str, str], list[tuple[CaseRecord, str]]] = {}
    for record in run.cases:
        for finding in record.findings:
            client = client_words(record)
            by_name.setdefault((finding.name, client), []).append((record, finding.text))
    ranks = {name: number for number, name in enumerate(finding_meanings())}
    keys = sorted(by_name, key=lambda key: (ranks.get(key[0], len(ranks)), natural(key[1])))
    return tuple(
        FindingRow(
            name=name,
            client=client,
            text=by_name[name, client][0][1],
            cases=tuple(record for record, _ in by_name[name, client]),
        )
        for name, client in keys
    )


def client_words(record: CaseRecord) -> str:
    """Return the kind of client and the version that ran, or its name if that is unknown."""
    if not record.client_version:
        return record.client
    return named_versions(without_version(record.client), record.client_version)
