"""Failed and changed cases, those with the same reason as one entry: the news of a run (pure)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.observation.fingerprint import CLIENT, describe_transitions
from authprobe.plan.case_ids import named_versions, without_version
from authprobe.report.model import matrix, news, phrases
from authprobe.report.model.reproduction import bisect_command
from authprobe.report.model.version_changes import neighbours
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

MAX_CLIENTS: Final = 3
"""Clients of one entry that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """Cases of one client that failed, or changed, in the same way and for the same reason."""

    status: Status
    word: str
    """Status in words: `failed, regressed`."""
    client: str
    """Kinds of the client, without versions; of several clients, their names or number."""
    versions: tuple[str, ...]
    """The last version that was as expected, if one is known; then the one that ran.

    Empty if the cases have different ones.
    """
    what: tuple[str, ...]
    """What is otherwise than expected or than before, a line each."""
    commands: tuple[tuple[str, str], ...]
    """Commands that help, each after its purpose."""
    cases: tuple[CaseRecord, ...]

    @property
    def size(self) -> int:
        """Return the number of cases."""
        return len(self.cases)

    @property
    def client_words(self) -> str:
        """Return the client with its versions: `claude-code 2.1.112 → 2.1.332`."""
        return named_versions(self.client, *self.versions)

    @property
    def case_words(self) -> str:
        """Return the only case, or the number of cases."""
        return self.cases[0].id if self.size == 1 else f"{self.size:,} cases, all in the same way"

    def why(self, rest: str = "in report.html") -> tuple[str, ...]:
        """Return reasons, cause and remedy, a line each; `rest` says where further reasons are."""
        return phrases.describe_why(self.cases[0], rest=rest)

    def lines(self, limit: int) -> tuple[str, ...]:
        """Return what changed, first of all the client; at most `limit` details; and why."""
        told, rest = self.what[:limit], len(self.what) - limit
        more = f"… and {phrases.plural(rest, 'further difference')}" if rest > 0 else None
        client = f"client {' → '.join(self.versions)}" if len(self.versions) > 1 else None
        return tuple(line for line in (client, *told, more, *self.why()) if line)


def breakages(run: Run) -> tuple[Breakage, ...]:
    """Return what failed or broke: regressions, then failures, then errors."""
    last_good = {
        new.id: old.client_version or ""
        for old, new in neighbours(run)
        if old.verdict.status is Status.PASSED
    }
    return tuple(_grouped(run, matrix.problems(run), last_good))


def other_changes(run: Run) -> tuple[Breakage, ...]:
    """Return what else differs from the baseline: fixed cases, then changed ones."""
    others = (r for r in matrix.changes(run) if not _is_bad(r) and not r.verdict.flaky)
    return tuple(_grouped(run, others))


def flaky_cases(run: Run) -> tuple[Breakage, ...]:
    """Return what failed, and passed when it was probed again."""
    return tuple(_grouped(run, (record for record in run.cases if record.verdict.flaky)))


def _grouped(
    run: Run,
    records: Iterable[CaseRecord],
    last_good: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Breakage]:
    groups: dict[tuple[object, ...], list[CaseRecord]] = {}
    for record in records:
        versions = _versions(record, last_good)
        reasons = tuple(reason.summary for reason in record.reasons)
        # What cannot be tested fails alike for many clients: without a network, for all.
        is_error = record.verdict.status is Status.ERROR
        key: tuple[object, ...] = (
            _word(record),
            None if is_error else (without_version(record.client), versions),
            reasons or _alike(record),
            record.diagnosis and record.diagnosis.summary,
        )
        groups.setdefault(key, []).append(record)
    for key, cases in groups.items():
        first, versions = cases[0], _versions(cases[0], last_good)
        clients = tuple(dict.fromkeys(without_version(record.client) for record in cases))
        if len({record.client for record in cases}) > 1:
            versions = ()
        yield Breakage(
            status=first.verdict.status,
            word=str(key[0]),
            client=", ".join(clients) if len(clients) <= MAX_CLIENTS else f"{len(clients)} clients",
            versions=versions,
            what=_shared(cases),
            commands=tuple(_commands(run, cases, versions)),
            cases=tuple(cases),
        )


def _is_bad(record: CaseRecord) -> bool:
    return record.verdict.status in (Status.FAILED, Status.ERROR)


def _word(record: CaseRecord) -> str:
    verdict = record.verdict
    is_told = _is_bad(record) or verdict.flaky
    return phrases.status_words(verdict) if is_told else phrases.change_word(verdict)


def _versions(record: CaseRecord, last_good: Mapping[str, str]) -> tuple[str, ...]:
    """Return the version of the baseline, or the last good one of the run; then what ran."""
    before = next((x.before for x in record.verdict.transitions if x.field == CLIENT), None)
    before = before or last_good.get(record.id)
    return tuple(version for version in (before, record.client_version) if version)


def _what(record: CaseRecord) -> tuple[str, ...]:
    """Return the mismatches of a case, or its changes if it has none."""
    if record.verdict.flaky:
        return news.flaky_lines(record)
    if record.verdict.status is Status.ERROR:
        # What could not be tested did not change; the reason says why.
        return () if record.reasons else phrases.describe_problem(record)
    # Reasons say which of the changes matter; the most visible ones are told in any case.
    told = [
        x
        for x in record.verdict.transitions
        if (x.field in _VISIBLE if record.reasons else x.field != CLIENT)
    ]
    changes = tuple(map(one_line, describe_transitions(told)))
    if record.verdict.status is Status.PASSED:
        return changes
    problem = phrases.describe_problem(record, told=told)
    if record.reasons:
        # The reasons tell in words which requests are not as expected.
        problem = tuple(line for line in problem if not line.startswith(_REQUESTS))
    return (*changes, *problem)


_REQUESTS: Final = ("requests[", "no_requests[")
"""Beginnings of the mismatches about requests."""
_VISIBLE: Final = ("outcome", "message")
"""Fields that a user of the client sees."""


def _alike(record: CaseRecord) -> tuple[str, ...]:
    """Return what cases of one entry have in common.

    The detail of a mismatch is left out: it counts requests and seconds, which depend on chance.
    """
    return tuple(map(phrases.describe_mismatch, record.verdict.mismatches)) or _what(record)


def _shared(cases: Iterable[CaseRecord]) -> tuple[str, ...]:
    """Return the lines that all of the cases have, in the order of the first one."""
    first, *others = map(_what, cases)
    shared = set(first).intersection(*others)
    return tuple(line for line in first if line in shared)


def _commands(
    run: Run, cases: Sequence[CaseRecord], versions: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield the command that runs the first case again, and the one that finds the version."""
    record, again = cases[0], "Run it again" if len(cases) == 1 else "Run the first again"
    verdict = record.verdict
    if verdict.flaky or verdict.status is Status.ERROR:
        yield again, phrases.rerun_command(run, record)
    elif command := len(versions) > 1 and bisect_command(run, record, versions=versions):
        deed = "broke" if _is_bad(record) else "fixed" if verdict.fixed else "changed"
        yield f"Find the version that {deed} it", command
    if verdict.status is Status.FAILED:
        yield again, phrases.rerun_command(run, record)
