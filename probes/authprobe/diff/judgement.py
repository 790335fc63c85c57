"""Judgement of a question that was asked twice: whether it broke, was fixed, or only changed."""

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.core.client_kinds import Flow
from authprobe.diff.observations import MAX_COMPARED_OBSERVATIONS
from authprobe.observation.findings import find_findings
from authprobe.observation.model import UNFINISHED_OUTCOMES, LoginState, Observation, Outcome
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import Expectation
from authprobe.verdict.judge import find_mismatches
from authprobe.verdict.model import Status

CLAIMS_SUCCESS: Final = "claims-success"
HIDES_ERROR: Final = "hides-error"


class Effect(enum.StrEnum):
    """Effect of an upgrade on one question, the worst first."""

    BROKE = "broke"
    FIXED = "fixed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedObservation:
    """One observation of a question, with what its scenario expects of this version."""

    observation: Observation
    flow: str
    expected: Expectation | None = None
    """None: the scenario says nothing about this version."""
    status: Status | None = None
    """Verdict; None: there is no expectation to judge by."""
    findings: frozenset[str] = frozenset()


def make_answer(
    observation: Observation, flow: str, expected: Expectation | None
) -> JudgedObservation:
    """Return an observation as an answer, judged by this expectation."""
    status = None
    if expected is not None:
        status = Status.FAILED if any(find_mismatches(expected, observation)) else Status.PASSED
    return JudgedObservation(
        observation=observation,
        flow=flow,
        expected=expected,
        status=status,
        findings=_finding_names(observation),
    )


def read_answer(record: CaseRecord) -> JudgedObservation:
    """Return the answer in a record, with the verdict that it was given."""
    names = frozenset(finding.name for finding in record.findings)
    return JudgedObservation(
        observation=record.observation,
        flow=record.flow,
        expected=record.expectation,
        status=record.verdict.status,
        findings=names | _finding_names(record.observation),
    )


def _finding_names(observation: Observation) -> frozenset[str]:
    return frozenset(finding.name for finding in find_findings(observation))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Judgement that a question broke or was fixed, with the reasons."""

    effect: Effect = Effect.SAME
    """`same` if it neither broke nor was fixed."""
    reasons: tuple[str, ...] = ()
    """What is worse, or else what is better, a phrase each."""


def judge_answers(
    before: Sequence[JudgedObservation], after: Sequence[JudgedObservation]
) -> Judgement:
    """Return whether a question broke or was fixed: what is worse outweighs what is better.

    As for the changes, only what all answers of a side have in common counts; the rest is noise.
    """
    old, new = before[:MAX_COMPARED_OBSERVATIONS], after[:MAX_COMPARED_OBSERVATIONS]
    worse: list[str] = []
    better: list[str] = []
    for is_good, describe in (*_SIGNS, *_finding_signs((*old, *new)), (_passed, _verdicts)):
        was, now = _common_value(is_good, old), _common_value(is_good, new)
        side = better if now else worse
        # That the expectation is met, or not, needs no word where another reason tells why.
        if None not in (was, now) and was != now and not (side and is_good is _passed):
            side.append(describe(old[-1], new[-1]))
    if worse:
        return Judgement(effect=Effect.BROKE, reasons=tuple(worse))
    return Judgement(effect=Effect.FIXED if better else Effect.SAME, reasons=tuple(better))


_Predicate = Callable[[JudgedObservation], bool | None]
"""Returns whether an answer is good in one respect; None: the respect does not apply to it."""
_Description = Callable[[JudgedObservation, JudgedObservation], str]


def _common_value(is_good: _Predicate, answers: Sequence[JudgedObservation]) -> bool | None:
    """Return the value that all answers have in common; None if there is no such value."""
    values = set(map(is_good, answers))
    return values.pop() if len(values) == 1 else None


def works(answer: JudgedObservation) -> bool:
    """Return True if the client was accepted, and neither lies about that nor should be refused."""
    wanted = answer.expected is None or answer.expected.outcome is Outcome.ACCEPTED
    accepted = answer.observation.outcome is Outcome.ACCEPTED
    return accepted and wanted and CLAIMS_SUCCESS not in answer.findings


def _gives_up(answer: JudgedObservation) -> bool | None:
    if works(answer) or answer.observation.outcome is Outcome.UNAVAILABLE:
        return None
    return answer.observation.outcome is not Outcome.TIMED_OUT


def _explains(answer: JudgedObservation) -> bool | None:
    """Return whether a client that was refused told its user why; others had nothing to tell."""
    silent = (Outcome.ACCEPTED, Outcome.UNAVAILABLE, *UNFINISHED_OUTCOMES)
    if answer.observation.outcome in silent:
        return None
    return bool(answer.observation.message) and HIDES_ERROR not in answer.findings


def _keeps_login(answer: JudgedObservation) -> bool | None:
    login = answer.observation.stored_login
    if answer.flow == Flow.AUTH_LOGOUT:
        return None
    return login is not None and login.state is LoginState.USABLE


def _passed(answer: JudgedObservation) -> bool | None:
    """Return whether the expectation is met; a known failure does not meet it."""
    statuses = {Status.PASSED: True, Status.FAILED: False, Status.SKIPPED: False}
    return None if answer.status is None else statuses.get(answer.status)


def _outcomes(before: JudgedObservation, after: JudgedObservation) -> str:
    return f"{before.observation.outcome} → {after.observation.outcome}"


def _logins(before: JudgedObservation, after: JudgedObservation) -> str:
    stored = (answer.observation.stored_login for answer in (before, after))
    old, new = (login.state.value if login else "no file" for login in stored)
    return f"stored login: {old} → {new}"


def _verdicts(before: JudgedObservation, after: JudgedObservation) -> str:
    word = "met now" if _passed(after) else "no longer met"
    return f"the expectation of the scenario is {word}"


def _patience(before: JudgedObservation, after: JudgedObservation) -> str:
    if _gives_up(after):
        return "gives up; before, it went on until its time limit"
    return "goes on until its time limit; before, it gave up"


def _explanations(before: JudgedObservation, after: JudgedObservation) -> str:
    return (
        "tells the user the reason, which was hidden before"
        if _explains(after)
        else "hides the reason from the user; before, it told it"
    )


_SIGNS: Final[tuple[tuple[_Predicate, _Description], ...]] = (
    (works, _outcomes),
    (_gives_up, _patience),
    (_explains, _explanations),
    (_keeps_login, _logins),
)
"""What makes a question better or worse, beside findings."""


def _finding_signs(
    answers: Sequence[JudgedObservation],
) -> Iterator[tuple[_Predicate, _Description]]:
    """Yield a sign for each finding.

    A hidden error has a sign of its own: it is no loss where the client had nothing to tell before.
    """
    names = {name for answer in answers for name in answer.findings} - {HIDES_ERROR}
    for name in sorted(names):
        yield (
            lambda answer, name=name: name not in answer.findings,  # type: ignore[misc]
            lambda before, after, name=name: (  # type: ignore[misc]
                f"new finding: {name}" if name in after.findings else f"finding gone: {name}"
            ),
        )
