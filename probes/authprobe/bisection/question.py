"""What a bisection asks of each version: one case, at any version, and how its answer is read."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.bisection.model import Classification
from authprobe.core.client_kinds import ClientKind
from authprobe.core.escaping import one_line
from authprobe.core.suggestions import did_you_mean
from authprobe.core.version_ranges import EXACT, is_prerelease, version_key
from authprobe.errors import SettingsError
from authprobe.observation.fingerprint import NONE
from authprobe.observation.model import Observation, Outcome
from authprobe.observation.selectors import (
    EXIT_FIELDS,
    SELECTORS,
    FieldValue,
    bypassed_proxy,
    check_field,
    keeps_retrying,
)
from authprobe.plan.case import Case, case_id, make_case
from authprobe.plan.case_ids import without_version
from authprobe.plan.expand import read_client
from authprobe.scenario.clients import Client
from authprobe.scenario.matrix import Names, combinations, rules
from authprobe.scenario.model import Scenario
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status

BROKEN: Final = (Outcome.TIMED_OUT, Outcome.CRASHED)
"""Outcomes of a client that did not come to its end; no verdict is read from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionQuestion:
    """A case whose version is left open, and the question that is put to it."""

    scenario: Scenario
    """With one expectation for all."""
    names: Names
    good: str
    bad: str
    judged_by: str | None
    """The id of the case whose expectation it is; None: of none, and a field is compared."""
    when: str | None = None
    """The field that is compared with the good version's; None: the verdict."""

    def at(self, version: str) -> Case:
        """The case at a version."""
        return make_case(self.scenario, _at(self.names, version))

    @property
    def kind(self) -> ClientKind:
        """The client whose versions are asked."""
        return self.names.client.kind

    def value(self, seen: Observation) -> FieldValue | None:
        """What is compared, where that is a field; None: the verdict is."""
        return SELECTORS[self.when](seen) if self.when else None

    def read(
        self, version: str, seen: Observation, reference: FieldValue | None
    ) -> tuple[Classification, str | None]:
        """Good or bad, with what shows it; untestable, with the reason."""
        if reason := self._untestable(version, seen):
            return Classification.UNTESTABLE, reason
        if self.when:
            value = SELECTORS[self.when](seen)
            shown = f"{self.when} is {one_line(', '.join(value)) or NONE}"
            return (
                Classification.GOOD if reference in (None, value) else Classification.BAD
            ), shown
        verdict = judge(self.at(version), seen)
        if verdict.status is Status.PASSED:
            return Classification.GOOD, None
        wrong = (f"{m.field}: expected {m.expected}, saw {m.actual}" for m in verdict.mismatches)
        return Classification.BAD, "; ".join(map(one_line, wrong)) or _end_words(seen)

    def _untestable(self, version: str, seen: Observation) -> str | None:
        """Why nothing can be read from an observation.

        What hangs or crashes may be in trouble of its own: it counts where it is asked for. What
        goes on asking, though it was refused for good, does not hang.
        """
        wanted = None if self.when else self.at(version).expectation.outcome
        if seen.untestable and seen.outcome is not wanted:
            return seen.detail or "it could not be tested"
        if seen.client_version not in (None, version):
            return f"{seen.client_version} ran in its place"
        if self.when not in EXIT_FIELDS and keeps_retrying(seen):
            return None
        broken = seen.outcome in BROKEN or bypassed_proxy(seen)
        if broken and seen.outcome is not wanted and self.when != "outcome":
            return f"{_end_words(seen)}; --when outcome asks for that"
        return None


def _end_words(seen: Observation) -> str:
    return f"{seen.outcome}: {seen.detail}" if seen.detail else seen.outcome.value


def _at(names: Names, version: str) -> Names:
    client = dataclasses.replace(names.client, version=version)
    return dataclasses.replace(names, client=client)


def make_inquiry(
    scenarios: Sequence[Scenario], case: str, *, good: str, bad: str, when: str | None
) -> BisectionQuestion:
    """The question about a case, between a version that is good and one that is bad.

    It is judged by what the scenario expects of the good version, and, where it says nothing
    of that one, of the version that the case names.

    Raises:
        SettingsError: there is no such case, or nothing can be asked of it.
    """
    for option, version in (("--good", good), ("--bad", bad)):
        _check_exact(option, version)
    if when is not None:
        check_field(when)
    scenario, names = _locate(scenarios, case)
    if names.client.is_authprobe:
        raise SettingsError(f"{case}: this is authprobe's own request, which has no versions")
    judged = _judged(scenario, (_at(names, good), names))
    if judged is None and when is None:
        raise SettingsError(
            f"{case}: '{scenario.id}' expects nothing of {good}, nor of the version in this id; "
            "name a version that it speaks of, or ask for a field with --when"
        )
    expected = judged.expectation if judged else rules(scenario)[0].then
    return BisectionQuestion(
        scenario=dataclasses.replace(scenario, expect=expected),
        names=names,
        good=good,
        bad=bad,
        judged_by=judged.id if judged else None,
        when=when,
    )


def _judged(scenario: Scenario, choices: Iterable[Names]) -> Case | None:
    """The first of these cases of which the scenario expects something."""
    for names in choices:
        with contextlib.suppress(SettingsError):
            return make_case(scenario, names)
    return None


def _locate(scenarios: Sequence[Scenario], case: str) -> tuple[Scenario, Names]:
    """The scenario of a case, and its names with the version that the user has given."""
    _, _, rest = case.partition("/")
    client = _client_of(case, rest.partition("/")[0])
    ids: dict[str, None] = {}
    for scenario in scenarios:
        for names in combinations(scenario):
            ids[case_id(scenario.id, names)] = None
            given = dataclasses.replace(names, client=client)
            id = case_id(scenario.id, given)
            if _same_but_version(names.client, client) and case in (id, without_version(id)):
                return scenario, given
    hint = did_you_mean(case, ids, otherwise="list the ids with `authprobe run --list`")
    raise SettingsError(f"{case}: no such case{hint}")


def _client_of(case: str, name: str) -> Client:
    """The client in a case id, as it is spelled there.

    Raises:
        SettingsError: there is none.
    """
    if not name:
        raise SettingsError(f"{case}: this is no id of a case; `authprobe run --list` shows them")
    return read_client(name, case.partition("/")[0])


def _same_but_version(planned: Client, wanted: Client) -> bool:
    return (planned.kind, planned.through) == (wanted.kind, wanted.through)


def versions_between(
    inquiry: BisectionQuestion, published: Iterable[str], installed: Iterable[str], *, fix: bool
) -> tuple[str, ...]:
    """The published versions from one bound to the other, the oldest first.

    Prereleases are among them only where a bound is one.

    Raises:
        SettingsError: a bound that is no published version and is not installed, or bounds that
            are in the wrong order.
    """
    known = {version for version in published if EXACT.fullmatch(version)}
    bounds = {"--good": inquiry.good, "--bad": inquiry.bad}
    for option, version in bounds.items():
        _check_bound(option, version, known, set(installed))
    low, high = sorted(bounds.values(), key=version_key)
    _check_order(inquiry, low, fix=fix)
    early = any(map(is_prerelease, bounds.values()))
    between = (v for v in known if version_key(low) < version_key(v) < version_key(high))
    kept = (v for v in between if early or not is_prerelease(v))
    return (low, *sorted(kept, key=version_key), high)


def _check_exact(option: str, version: str) -> None:
    if not EXACT.fullmatch(version):
        raise SettingsError(f"{option} {one_line(version)}: give one version, such as 2.1.31")


def _check_bound(option: str, version: str, known: set[str], installed: set[str]) -> None:
    if version in known | installed:
        return
    raise SettingsError(f"{option} {unpublished_message(version, known)}")


def unpublished_message(version: str, known: set[str]) -> str:
    """What is to be said of a version that is not published."""
    near = list(_beside(version, known))
    verb = "is" if len(near) == 1 else "are"
    hint = f"; next to it {verb} {' and '.join(near)}" if near else ""
    return f"{version}: this version is not published{hint}"


def _beside(version: str, known: set[str]) -> Iterator[str]:
    place = version_key(version)
    if before := [v for v in known if version_key(v) < place]:
        yield max(before, key=version_key)
    if after := [v for v in known if version_key(v) > place]:
        yield min(after, key=version_key)


def _check_order(inquiry: BisectionQuestion, low: str, *, fix: bool) -> None:
    good, bad = inquiry.good, inquiry.bad
    if version_key(good) == version_key(bad):
        raise SettingsError(f"--good and --bad are both {good}; there is nothing between them")
    if fix and low == good:
        raise SettingsError(f"--find-fix: {bad} is to be bad and {good}, which is older, is good")
    if not fix and low == bad:
        raise SettingsError(
            f"--good {good} is newer than --bad {bad}; "
            "for the version in which it was fixed add --find-fix"
        )
