"""Diagnosis of one probe, as stored in the record of its case."""

import functools
from dataclasses import dataclass, field

from authprobe.core.claude_api import is_inference_path
from authprobe.diagnosis.match import LIKELY_CONFIDENCE, CauseMatch, rank_causes
from authprobe.diagnosis.observation_facts import symptom_from_observation
from authprobe.emulator.gateway import RULE_PREFIX
from authprobe.observation.model import Observation, Outcome
from authprobe.run.model import Alternative, Diagnosis
from authprobe.verdict.model import Status, Verdict


def diagnose(observation: Observation, verdict: Verdict) -> Diagnosis | None:
    """Return the cause of a rejection or failure, or None if there was none."""
    if not needs_diagnosis(observation, verdict):
        return None
    return _cached_diagnosis(_CacheEntry(_cache_key(observation), observation))


def needs_diagnosis(observation: Observation, verdict: Verdict) -> bool:
    """Return True if the case was tested, and was rejected or failed.

    A refusal by a gateway of one's own says its cause itself, and no known cause is about it.
    """
    if observation.outcome is Outcome.UNAVAILABLE or _is_refused_by_gateway(observation):
        return False
    return observation.outcome is not Outcome.ACCEPTED or verdict.status is Status.FAILED


def _is_refused_by_gateway(observation: Observation) -> bool:
    answered = [each for each in observation.exchanges if is_inference_path(each.path)]
    return bool(answered) and (answered[-1].rule or "").startswith(RULE_PREFIX)


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    """An observation that equals every other one with the same diagnosis."""

    key: tuple[object, ...]
    observation: Observation = field(compare=False)


def _cache_key(observation: Observation) -> tuple[object, ...]:
    """Return every field that `symptom_from_observation` reads."""
    exchanges = tuple(
        (
            *(e.method, e.host, e.path, e.credential_header, e.credential, e.betas, e.products),
            *(e.status, e.error_type, e.message, e.content_type, e.size_bytes, e.complete),
            e.clock_offset,
        )
        for e in observation.exchanges
    )
    return (
        *(observation.outcome, observation.message, observation.detail, observation.stored_login),
        observation.egress_refused,
        exchanges,
    )


@functools.lru_cache(maxsize=1024)
def _cached_diagnosis(entry: _CacheEntry) -> Diagnosis:
    # Many cases of a run end alike, and matching every cause against each of them is slow.
    return make_diagnosis(rank_causes(symptom_from_observation(entry.observation)))


def make_diagnosis(matches: tuple[CauseMatch, ...]) -> Diagnosis:
    """Return the first cause, with its likely alternatives and the experiment that decides."""
    first, *rest = matches
    likely = [match for match in rest if match.confidence >= LIKELY_CONFIDENCE]
    alternatives = likely if first.confidence else []
    experiment = first.cause.experiment if alternatives else None
    return Diagnosis(
        id=first.cause.id,
        summary=first.cause.summary,
        remedy=first.cause.remedy.text,
        sources=first.cause.sources,
        confidence=first.confidence,
        level=first.level.value,
        evidence=tuple(evidence.text for evidence in first.evidence),
        commands=first.cause.remedy.commands,
        tier=first.cause.remedy.tier.value,
        experiment=experiment.text if experiment else None,
        experiment_case=experiment.case if experiment else None,
        alternatives=tuple(map(_alternative, alternatives)),
    )


def _alternative(match: CauseMatch) -> Alternative:
    experiment = match.cause.experiment
    return Alternative(
        id=match.cause.id,
        summary=match.cause.summary,
        confidence=match.confidence,
        experiment=experiment.text if experiment else None,
        experiment_case=experiment.case if experiment else None,
    )
