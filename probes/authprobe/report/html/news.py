"""The news of a run as HTML: what broke and why, what changed between versions, and findings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.version_ranges import version_order
from authprobe.observation.findings import finding_meanings
from authprobe.observation.fingerprint import NONE
from authprobe.plan.case_ids import names_and_versions, without_version
from authprobe.report.html.elements import Html, case_link
from authprobe.report.html.heat_map import chip
from authprobe.report.html.rendering import render
from authprobe.report.model import matrix, phrases
from authprobe.report.model.breakages import breakages, flaky_cases, other_changes
from authprobe.report.model.live import live_cases
from authprobe.report.model.news import count_findings
from authprobe.report.model.version_changes import Subject, VersionChange
from authprobe.run.model import CaseRecord, Run

MAX_ENTRIES: Final = 100
"""Entries of each list."""
MAX_CASES: Final = 300
"""Links of an entry."""
FIRST_CASES: Final = 10
"""Links of an entry that are not folded."""
FIRST_LINES: Final = 14
"""Lines about upgrades that are not folded: they fit on the first screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Changes from one version of a client to the next one of the run."""

    client: str
    versions: tuple[str, str]
    outcomes: tuple[VersionChange, ...]
    others: tuple[VersionChange, ...]
    """Changes of a credential, a stored login or a message."""
    is_newest: bool
    """True if the run has no newer version of the client."""

    @property
    def heading(self) -> tuple[tuple[str, str], ...]:
        """Return each name in the client with its versions."""
        return names_and_versions(self.client, *self.versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingGroup:
    """One kind of misbehaviour, with the clients that show it."""

    name: str
    meaning: str
    cases: int
    clients: tuple[str, ...]
    """Kinds of client with their versions."""
    rows: tuple[matrix.FindingRow, ...]


def news(
    run: Run, changes: Sequence[VersionChange], labels: Mapping[str, str], bisections: Html
) -> Html:
    """Return what a reader of the report wants to know first."""
    upgrades = upgrades_of(run, changes)
    first = _first(upgrades)
    outcomes = [change for change in changes if change.subject is Subject.OUTCOME]
    return render(
        "news.html",
        broken=breakages(run),
        # What the real service refuses may never have worked.
        broken_words="What went wrong" if live_cases(run) else "What broke",
        flaky=flaky_cases(run),
        changed=other_changes(run),
        absent=run.absent,
        absent_words=phrases.ABSENT,
        bisections=bisections,
        upgrades=upgrades[:first],
        more_upgrades=upgrades[first:],
        tally=_tally(outcomes, len(changes) - len(outcomes)),
        findings=finding_groups(run),
        finding_cases=sum(bool(record.findings) for record in run.cases),
        max_entries=MAX_ENTRIES,
        first_cases=FIRST_CASES,
        max_cases=MAX_CASES,
        chip=chip,
        letters=_letters,
        quoted=_quoted,
        links=lambda records: _links(records, labels),
        names_of=lambda change: _links((new for _, new in change.pairs), labels),
    )


def upgrades_of(run: Run, changes: Iterable[VersionChange]) -> tuple[Upgrade, ...]:
    """Return the changes by client and versions: to the newest versions, then to older ones.

    Among these, the one with the most important change is first.
    """
    groups: dict[tuple[str, tuple[str, str]], list[VersionChange]] = {}
    for change in changes:
        groups.setdefault((change.client, change.versions), []).append(change)
    newest: dict[str, str] = {}
    for record in run.cases:
        kind, version = without_version(record.client), record.client_version or ""
        newest[kind] = max(newest.get(kind, version), version, key=version_order)
    upgrades = (
        Upgrade(
            client=client,
            versions=versions,
            outcomes=tuple(x for x in found if x.subject is Subject.OUTCOME),
            others=tuple(x for x in found if x.subject is not Subject.OUTCOME),
            is_newest=versions[1] == newest[client],
        )
        for (client, versions), found in groups.items()
    )
    return tuple(sorted(upgrades, key=lambda each: (not each.outcomes, not each.is_newest)))


def _first(upgrades: Iterable[Upgrade]) -> int:
    """Return how many upgrades have together no more lines than there is room for."""
    count = lines = 0
    for each in upgrades:
        lines += 1 + len(each.outcomes)
        if count and (lines > FIRST_LINES or not each.outcomes):
            break
        count += 1
    return count


def finding_groups(run: Run) -> tuple[FindingGroup, ...]:
    """Return the findings by name, the most severe first."""
    groups: dict[str, list[matrix.FindingRow]] = {}
    for row in matrix.findings(run):
        groups.setdefault(row.name, []).append(row)
    meanings = finding_meanings()
    return tuple(
        FindingGroup(
            name=each.name,
            meaning=meanings.get(each.name, ""),
            cases=each.cases,
            clients=each.clients,
            rows=tuple(groups[each.name]),
        )
        for each in count_findings(run)
    )


def _tally(outcomes: Sequence[VersionChange], others: int) -> str:
    """Return the number of changes: `25 outcomes: 5 worse, 14 better; 56 others`."""
    numbers = {
        "worse": sum(change.is_worse for change in outcomes),
        "better": sum(change.is_better for change in outcomes),
    }
    words = ", ".join(f"{number} {word}" for word, number in numbers.items() if number)
    count = phrases.plural(len(outcomes), "outcome")
    first = f"{count}: {words}" if words else count
    return f"{first}; {phrases.plural(others, 'other')}" if others else first


def _letters(change: VersionChange) -> Html:
    """Return the letters of both outcomes, or nothing if another subject changed."""
    if change.subject is not Subject.OUTCOME:
        return Html()
    before, after = change.pairs[0]
    return Html("{} → {} ").format(
        chip(before.observation.outcome), chip(after.observation.outcome)
    )


def _quoted(change: VersionChange, text: str) -> Html:
    """Return a value of a change; a message is a quotation."""
    is_message = change.subject is Subject.MESSAGE and text != NONE
    return Html("<q>{}</q>" if is_message else "{}").format(text)


def _links(records: Iterable[CaseRecord], labels: Mapping[str, str]) -> Html:
    """Return links to cases; the scenario is named once for all that follow."""
    parts, last = [], ""
    for record in records:
        label = labels.get(record.id, phrases.auth_path(record))
        scenario, _, name = label.partition(": ")
        parts.append(case_link(record, name if scenario == last else label))
        last = scenario
    return Html(", ").join(parts)
