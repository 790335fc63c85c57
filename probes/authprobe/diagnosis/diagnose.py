"""The diagnosis that stands in the record of a case."""

import functools
from dataclasses import dataclass, field

from authprobe.diagnosis.match import LIKELY, Match, match
from authprobe.diagnosis.observation_facts import observed
from authprobe.observation.model import Observation, Outcome
from authprobe.run.model import Alternative, Diagnosis
from authprobe.verdict.model import Status, Verdict


def diagnose(seen: Observation, verdict: Verdict) -> Diagnosis | None:
    """The cause of a refusal or failure; None: all is well, or nothing was tested."""
    return _diagnosis(_Alike(_essence(seen), seen)) if went_wrong(seen, verdict) else None


def went_wrong(seen: Observation, verdict: Verdict) -> bool:
    """Whether something was tested, and was refused or failed."""
    if seen.outcome in (Outcome.UNAVAILABLE, Outcome.ACCEPTED):
        return seen.outcome is Outcome.ACCEPTED and verdict.status is Status.FAILED
    return True


@dataclass(frozen=True, slots=True)
class _Alike:
    """An observation that equals any other of which the same can be said."""

    essence: tuple[object, ...]
    seen: Observation = field(compare=False)


def _essence(seen: Observation) -> tuple[object, ...]:
    """All that `observed` looks at."""
    exchanges = tuple(
        (
            *(e.method, e.host, e.path, e.credential_header, e.credential, e.betas, e.products),
            *(e.status, e.error_type, e.message, e.content_type, e.size_bytes, e.complete),
            e.clock_offset,
        )
        for e in seen.exchanges
    )
    return (seen.outcome, seen.message, seen.detail, seen.stored_login, exchanges)


@functools.lru_cache(maxsize=1024)
def _diagnosis(alike: _Alike) -> Diagnosis:
    # Many cases of a run end alike, and each would be matched against every cause.
    return diagnosis_of(match(observed(alike.seen)))


def diagnosis_of(matches: tuple[Match, ...]) -> Diagnosis:
    """The surest cause, with the others that fit and what would decide between them."""
    first, *rest = matches
    others = [other for other in rest if other.confidence >= LIKELY] if first.confidence else []
    test = first.cause.experiment if others else None
    return Diagnosis(
        id=first.cause.id,
        summary=first.cause.summary,
        remedy=first.cause.remedy.text,
        sources=first.cause.sources,
        confidence=first.confidence,
        level=first.level.value,
        evidence=tuple(each.text for each in first.evidence),
        commands=first.cause.remedy.commands,
        tier=first.cause.remedy.tier.value,
        experiment=test.text if test else None,
        experiment_case=test.case if test else None,
        alternatives=tuple(map(_alternative, others)),
    )


def _alternative(other: Match) -> Alternative:
    test = other.cause.experiment
    return Alternative(
        id=other.cause.id,
        summary=other.cause.summary,
        confidence=other.confidence,
        experiment=test.text if test else None,
        experiment_case=test.case if test else None,
    )
