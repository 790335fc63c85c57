"""BisectionQuestion: a case template with bounds, and the predicate that classifies a version."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from authprobe.bisection.model import Classification
from authprobe.core.escaping import one_line
from authprobe.core.version_ranges import EXACT, in_order, is_prerelease, version_key
from authprobe.errors import SettingsError
from authprobe.observation.fingerprint import NONE
from authprobe.observation.model import UNFINISHED_OUTCOMES, Observation
from authprobe.observation.selectors import (
    EXIT_FIELDS,
    SELECTORS,
    FieldValue,
    bypassed_proxy,
    check_field,
    keeps_retrying,
)
from authprobe.plan.case import Case, make_case
from authprobe.scenario.clients import Client
from authprobe.scenario.matrix import Names
from authprobe.scenario.model import Scenario
from authprobe.trials.case_template import CaseTemplate, find_case, make_template
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionQuestion:
    """A case template with a good and a bad version, and the predicate that tells them apart."""

    template: CaseTemplate
    good: str
    bad: str
    judged_by: str | None
    """Id of the case whose expectation decides; None: a field is compared instead."""
    when: str | None = None
    """Field that is compared with its value in the good version; None: the verdict decides."""

    def at(self, version: str) -> Case:
        """Return the case at this version."""
        return self.template.at(version)

    @property
    def client(self) -> Client:
        """Client whose versions are probed."""
        return self.template.client

    @property
    def kind(self) -> str:
        """Kind of that client."""
        return self.client.kind

    def value(self, observation: Observation) -> FieldValue | None:
        """Return the value of the compared field; None: the verdict decides."""
        return SELECTORS[self.when](observation) if self.when else None

    def classify(
        self, version: str, observation: Observation, reference: FieldValue | None
    ) -> tuple[Classification, str | None]:
        """Classify an observation of a version; return the evidence or the reason with it.

        `reference` is the field's value in the good version; None: not known yet.
        """
        if reason := self._untestable_reason(version, observation):
            return Classification.UNTESTABLE, reason
        if self.when:
            value = SELECTORS[self.when](observation)
            is_good = reference in (None, value)
            evidence = f"{self.when} is {one_line(', '.join(value)) or NONE}"
            return Classification.GOOD if is_good else Classification.BAD, evidence
        verdict = judge(self.at(version), observation)
        if verdict.status is Status.PASSED:
            return Classification.GOOD, None
        texts = (f"{m.field}: expected {m.expected}, saw {m.actual}" for m in verdict.mismatches)
        evidence = "; ".join(map(one_line, texts))
        return Classification.BAD, evidence or observation.outcome_text

    def _untestable_reason(self, version: str, observation: Observation) -> str | None:
        """Return the reason that an observation does not classify its version; None: it does.

        A timeout or a crash may have another cause than the one that is searched for, so it counts
        only if it is expected or asked for. A client that was still retrying a permanent refusal at
        its time limit did not hang.
        """
        expected = None if self.when else self.at(version).expectation.outcome
        if observation.untestable and observation.outcome is not expected:
            return observation.detail or "it could not be tested"
        if observation.client_version not in (None, version):
            return f"{observation.client_version} ran in its place"
        if self.when not in EXIT_FIELDS and keeps_retrying(observation):
            return None
        is_unfinished = observation.outcome in UNFINISHED_OUTCOMES or bypassed_proxy(observation)
        if is_unfinished and observation.outcome is not expected and self.when != "outcome":
            return f"{observation.outcome_text}; --when outcome asks for that"
        return None


def make_question(
    scenarios: Sequence[Scenario], case: str, *, good: str, bad: str, when: str | None
) -> BisectionQuestion:
    """Return the question about a case, between a good and a bad version.

    The expectation is the scenario's for the good version, or else for the version in `case`.

    Raises:
        SettingsError: an option is invalid, or the case does not exist, has no versions or has no
            expectation.
    """
    for option, version in (("--good", good), ("--bad", bad)):
        _check_exact(option, version)
    if when is not None:
        check_field(when)
    scenario, names = find_case(scenarios, case)
    good_client = dataclasses.replace(names.client, version=good)
    judged = _first_judged_case(scenario, (dataclasses.replace(names, client=good_client), names))
    if judged is None and when is None:
        raise SettingsError(
            f"{case}: '{scenario.id}' expects nothing of {good}, nor of the version in this id; "
            "give a case id with a version that it has an expectation for, or a field with --when"
        )
    return BisectionQuestion(
        template=make_template(scenario, names, judged.expectation if judged else None),
        good=good,
        bad=bad,
        judged_by=judged.id if judged else None,
        when=when,
    )


def _first_judged_case(scenario: Scenario, choices: Iterable[Names]) -> Case | None:
    """Return the first of these cases that the scenario has an expectation for."""
    for names in choices:
        with contextlib.suppress(SettingsError):
            return make_case(scenario, names)
    return None


def versions_between(
    question: BisectionQuestion, published: Iterable[str], installed: Iterable[str], *, fix: bool
) -> tuple[str, ...]:
    """Return the published versions from one bound to the other, oldest first.

    Prereleases are left out, unless a bound is one.

    Raises:
        SettingsError: a bound is neither published nor installed, or the bounds are in the wrong
            order.
    """
    exact_versions = {version for version in published if EXACT.fullmatch(version)}
    bounds = {"--good": question.good, "--bad": question.bad}
    for option, version in bounds.items():
        _check_bound(option, version, exact_versions, set(installed))
    low, high = sorted(bounds.values(), key=version_key)
    _check_order(question, low, fix=fix)
    with_prereleases = any(map(is_prerelease, bounds.values()))
    between = (
        version
        for version in exact_versions
        if version_key(low) < version_key(version) < version_key(high)
        and (with_prereleases or not is_prerelease(version))
    )
    return (low, *in_order(between), high)


def _check_exact(option: str, version: str) -> None:
    if not EXACT.fullmatch(version):
        raise SettingsError(f"{option} {one_line(version)}: give one version, such as 2.1.31")


def _check_bound(option: str, version: str, published: set[str], installed: set[str]) -> None:
    if version not in published | installed:
        raise SettingsError(f"{option} {unpublished_message(version, published)}")


def unpublished_message(version: str, published: set[str]) -> str:
    """Return the message for a version that is not published, with its neighbours."""
    neighbours = list(_neighbours(version, published))
    verb = "is" if len(neighbours) == 1 else "are"
    hint = f"; next to it {verb} {' and '.join(neighbours)}" if neighbours else ""
    return f"{version}: this version is not published{hint}"


def _neighbours(version: str, published: set[str]) -> Iterator[str]:
    key = version_key(version)
    if before := [v for v in published if version_key(v) < key]:
        yield max(before, key=version_key)
    if after := [v for v in published if version_key(v) > key]:
        yield min(after, key=version_key)


def _check_order(question: BisectionQuestion, low: str, *, fix: bool) -> None:
    good, bad = question.good, question.bad
    if version_key(good) == version_key(bad):
        raise SettingsError(f"--good and --bad are both {good}; give two versions")
    if fix and low == good:
        raise SettingsError(
            f"--find-fix: --good {good} is older than --bad {bad}; "
            "leave out --find-fix to find the version that broke it"
        )
    if not fix and low == bad:
        raise SettingsError(
            f"--good {good} is newer than --bad {bad}; "
            "add --find-fix to find the version that fixed it"
        )
