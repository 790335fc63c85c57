"""Diff: what became of each question between two versions or two runs."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authprobe.diff.judgement import Effect, JudgedObservation, judge_answers
from authprobe.diff.observations import (
    Aspect,
    Change,
    request_labels,
    sort_changes,
    stable_changes,
    started_late,
)
from authprobe.observation.fingerprint import is_auth_path
from authprobe.observation.model import Observation
from authprobe.plan.case_ids import matching_cases
from authprobe.verdict.model import Status

MIN_BACKGROUND_CASES: Final = 3
MIN_BACKGROUND_SHARE: Final = 0.25
"""Number of questions, and their share of all that make the request, from which a change of its
flags or headers is in the background."""
START_TOO_LATE: Final = (
    "timed out, and half of its time was over before its first request: the machine is too busy, "
    "or the client hangs at its start; probe again with --jobs 1"
)
FOUND, NOT_FOUND = "found", "not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDiff:
    """Comparison of one question, or the reason that it could not be compared."""

    case: str
    """Id of the case without client versions, if that is unique."""
    title: str = ""
    effect: Effect = Effect.SAME
    reasons: tuple[str, ...] = ()
    """What broke or was fixed."""
    changes: tuple[Change, ...] = ()
    """Every difference that is not in the background."""
    reason: str | None = None
    """Reason that the case was not compared: it was not tested on one side."""
    before: Observation | None = None
    after: Observation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A change that makes no question `changed`: of a side request, or one that is common."""

    change: Change
    cases: int
    """Number of questions that have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Questions that broke or were fixed for the same reasons, or that changed in the same way."""

    cases: tuple[CaseDiff, ...]
    reasons: tuple[str, ...]
    changes: tuple[tuple[Change, tuple[int, ...]], ...]
    """Each change once, with the numbers of the cases that have it, from 1; those that all cases
    have come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Differences between two sides, with all questions of both."""

    title: str
    """What is compared: `claude-code 2.1.31 → 2.1.32`."""
    before: str
    """Title of the client or run."""
    after: str
    cases: tuple[CaseDiff, ...]
    """In the order of `Effect`, then those that were not compared; each sorted by id."""
    background: tuple[Background, ...] = ()
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    """Clients whose version differs between two runs, such as `name: 2.1.31 → 2.1.32`."""
    versions: tuple[str, str] | None = None
    """Both versions of the client; None: two runs, or clients that run through another."""
    scenarios: tuple[str, ...] = ()
    """Scenario files and folders of the cases; empty: the bundled ones."""

    def having(self, effect: Effect) -> tuple[CaseDiff, ...]:
        """Return the questions of which this became."""
        return tuple(case for case in self.cases if case.effect is effect and not case.reason)

    def groups(self, effect: Effect) -> tuple[Group, ...]:
        """Return the questions of which this became, the largest group first.

        Those that broke or were fixed for the same reasons are together, and of the others those
        with the same changes.
        """
        cases_by_key: dict[tuple[object, ...], list[CaseDiff]] = {}
        for case in self.having(effect):
            cases_by_key.setdefault(case.reasons or case.changes, []).append(case)
        groups = (_group(cases) for cases in cases_by_key.values())
        return tuple(sorted(groups, key=lambda group: (-len(group.cases), group.cases[0].case)))

    @property
    def not_compared(self) -> tuple[CaseDiff, ...]:
        """Cases that could not be compared."""
        return tuple(case for case in self.cases if case.reason)

    @property
    def broke(self) -> bool:
        """True if a question broke."""
        return bool(self.having(Effect.BROKE))

    @property
    def complete(self) -> bool:
        """True if there are questions, and each of those before was compared."""
        return bool(self.cases) and not self.not_compared and not self.only_before

    def restrict_to(self, names: Sequence[str]) -> "Diff":
        """Return the diff of these cases only: ids or patterns, whose versions are ignored.

        Raises:
            SettingsError: a name that no case has.
        """
        ids = [*(case.case for case in self.cases), *self.only_before, *self.only_after]
        selected = {id for name in names for id in matching_cases(name, ids)}
        return dataclasses.replace(
            self,
            cases=tuple(case for case in self.cases if case.case in selected),
            only_before=tuple(id for id in self.only_before if id in selected),
            only_after=tuple(id for id in self.only_after if id in selected),
        )


def _group(cases: Sequence[CaseDiff]) -> Group:
    numbers: dict[Change, list[int]] = {}
    for number, case in enumerate(cases, start=1):
        for change in case.changes:
            numbers.setdefault(change, []).append(number)
    ordered = sorted(sort_changes(numbers), key=lambda change: len(numbers[change]) < len(cases))
    return Group(
        cases=tuple(cases),
        reasons=cases[0].reasons,
        changes=tuple((change, tuple(numbers[change])) for change in ordered),
    )


def compare_answers(
    case: str,
    before: Sequence[JudgedObservation],
    after: Sequence[JudgedObservation],
    *,
    title: str = "",
) -> CaseDiff:
    """Return what became of a case, by all answers before and all after."""
    for side, answers in (("before", before), ("after", after)):
        reason = _untested_reason(answers[-1]) if answers else "not probed"
        if reason:
            return CaseDiff(case=case, title=title, reason=f"{side}: {reason}")
    old, new = ([answer.observation for answer in answers] for answers in (before, after))
    judgement = judge_answers(before, after)
    return CaseDiff(
        case=case,
        title=title,
        effect=judgement.effect,
        reasons=judgement.reasons,
        changes=(
            *_verdict_changes(before, after),
            *_finding_changes(before, after),
            *stable_changes(old, new),
        ),
        before=old[-1],
        after=new[-1],
    )


def _untested_reason(answer: JudgedObservation) -> str | None:
    """Return why an observation answers nothing, unless its scenario expects that; else None."""
    observation = answer.observation
    if answer.status is Status.PASSED:
        return None
    if observation.untestable:
        return observation.detail or "it could not be tested"
    return START_TOO_LATE if is_late(answer) else None


def is_late(answer: JudgedObservation) -> bool:
    """Return True for a client that started too late to answer, unless its scenario expects it."""
    return answer.status is not Status.PASSED and started_late(answer.observation)


def _verdict_changes(
    before: Sequence[JudgedObservation], after: Sequence[JudgedObservation]
) -> Iterator[Change]:
    old, new = ({answer.status for answer in answers} for answers in (before, after))
    if len(old) == len(new) == 1 and old != new and None not in old | new:
        yield Change(
            aspect=Aspect.VERDICT,
            subject="verdict",
            before=str(before[-1].status),
            after=str(after[-1].status),
        )


def _finding_changes(
    before: Sequence[JudgedObservation], after: Sequence[JudgedObservation]
) -> Iterator[Change]:
    for name in sorted({name for answer in (*before, *after) for name in answer.findings}):
        old, new = ({name in answer.findings for answer in answers} for answers in (before, after))
        if len(old) == len(new) == 1 and old != new:
            words = (FOUND, NOT_FOUND) if old == {True} else (NOT_FOUND, FOUND)
            yield Change(aspect=Aspect.FINDING, subject=name, before=words[0], after=words[1])


def make_diff(
    title: str, before: str, after: str, cases: Iterable[CaseDiff], **fields: Any
) -> Diff:
    """Return the diff of these cases, the worst first; `fields` are further fields of it."""
    compared = tuple(cases)
    background = _background(compared)
    common = {each.change for each in background}
    effects = list(Effect)
    return Diff(
        title=title,
        before=before,
        after=after,
        cases=tuple(
            sorted(
                (_without(case, common) for case in compared),
                key=lambda case: (bool(case.reason), effects.index(case.effect), case.case),
            )
        ),
        background=background,
        **fields,
    )


def _without(case: CaseDiff, background: set[Change]) -> CaseDiff:
    """Return a case without the background; one that has other changes changed."""
    changes = tuple(change for change in case.changes if change not in background)
    is_change = case.effect is Effect.SAME and changes
    effect = Effect.CHANGED if is_change else case.effect
    return dataclasses.replace(case, effect=effect, changes=changes)


def _background(cases: Sequence[CaseDiff]) -> tuple[Background, ...]:
    """Return what a client does otherwise whatever the question: side requests, and flags."""
    counts = Counter(change for case in cases for change in case.changes)
    made = Counter(label for case in cases for label in _labels(case))
    return tuple(
        Background(change=change, cases=counts[change])
        for change in sort_changes(counts)
        if _is_side_request(change) or _is_common(change, counts[change], made)
    )


def _labels(case: CaseDiff) -> frozenset[str]:
    """Return the requests of both sides."""
    sides = (side for side in (case.before, case.after) if side)
    return frozenset(label for side in sides for label in request_labels(side))


def _is_side_request(change: Change) -> bool:
    """Return True if the change is that a side request is made or not made, or its header.

    Which of them a client makes before it exits depends on chance. An attempt to reach a host that
    is not emulated always counts.
    """
    label = _label(change)
    is_side = label is not None and not (is_auth_path(label) or label.startswith("CONNECT "))
    return is_side and change.aspect in (Aspect.REQUEST, Aspect.HEADER, Aspect.BETAS)


def _is_common(change: Change, count: int, made: Mapping[str, int]) -> bool:
    if change.aspect not in (Aspect.BETAS, Aspect.HEADER):
        return False
    share = MIN_BACKGROUND_SHARE * made.get(_label(change) or "", 0)
    return count >= max(MIN_BACKGROUND_CASES, share)


def _label(change: Change) -> str | None:
    """Return the request whose making, flag or header changed."""
    match change.aspect:
        case Aspect.BETAS:
            return change.subject.partition(" in ")[2]
        case Aspect.HEADER:
            return change.subject.partition(" of ")[2]
        case Aspect.REQUEST:
            return change.subject
    return None
