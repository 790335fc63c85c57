"""Diagnosis of one probe, as stored in the record of its case."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from authprobe.diagnosis.causes import CauseGroup
from authprobe.diagnosis.live_causes import for_live
from authprobe.diagnosis.match import LIKELY_CONFIDENCE, CauseMatch, rank_causes
from authprobe.diagnosis.observation_facts import (
    is_emulated,
    is_gateway_refusal,
    missing_host,
    symptom_from_observation,
)
from authprobe.diagnosis.symptom import Symptom
from authprobe.observation.fingerprint import is_auth_request
from authprobe.observation.model import Observation, Outcome
from authprobe.run.model import Alternative, CaseRecord, Diagnosis
from authprobe.verdict.model import Status

BASE_URL: Final = "ANTHROPIC_BASE_URL"


def diagnose(record: CaseRecord) -> Diagnosis | None:
    """Return the cause of a rejection or failure, or None if there was none."""
    if not needs_diagnosis(record):
        return None
    observation, events = record.observation, tuple(_events(record))
    matches = _cached_matches(
        _CacheEntry(_cache_key(observation), observation, record.holds_key, events)
    )
    if passed_nothing_on(record):
        # What a gateway answers by itself is not recorded: only its own words tell a cause.
        matches = tuple(match for match in matches if match.cause.group is CauseGroup.GATEWAY)
    return make_diagnosis(tuple(for_live(each, record) for each in matches)) if matches else None


def passed_nothing_on(record: CaseRecord) -> bool:
    """Return True if a gateway that is defined as data passed no request on to the backend."""
    observation = record.observation
    if not record.is_gateway or observation.evidence or missing_host(observation):
        return False
    return not any(map(is_auth_request, observation.exchanges))


def symptom_from_record(record: CaseRecord) -> Symptom:
    """Return the facts of what a case observed, and of what it gave to its client."""
    return symptom_from_observation(
        record.observation, holds_key=record.holds_key, events=_events(record)
    )


def _events(record: CaseRecord) -> Iterator[tuple[str, str]]:
    """Yield what is known of a case beside its observation, with the evidence."""
    has_folder = any(credential.folder is not None for credential in record.credentials)
    if has_folder and all(each.credential is None for each in record.observation.exchanges):
        yield (
            "login-elsewhere",
            "a login is in another folder, and the client sent none of its tokens",
        )
    if BASE_URL in record.shadowed_variables:
        yield "base-url-shadowed", f"its settings set {BASE_URL} otherwise than its environment"


def needs_diagnosis(record: CaseRecord) -> bool:
    """Return True if the case was tested, and was rejected or failed."""
    outcome = record.observation.outcome
    if outcome is Outcome.UNAVAILABLE:
        return False
    return outcome is not Outcome.ACCEPTED or record.verdict.status is Status.FAILED


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    """An observation that equals every other one with the same diagnosis."""

    key: tuple[object, ...]
    observation: Observation = field(compare=False)
    holds_key: bool
    events: tuple[tuple[str, str], ...]


def _cache_key(observation: Observation) -> tuple[object, ...]:
    """Return every field that `symptom_from_observation` reads."""
    exchanges = tuple(
        (
            *(e.method, e.host, e.path, e.credential_header, e.credential, e.betas, e.products),
            *(
                e.status,
                e.error_type,
                e.error_code,
                e.message,
                e.content_type,
                e.size_bytes,
                e.complete,
            ),
            *(e.clock_offset, e.gateway, e.rewritten),
            *(is_emulated(e), is_gateway_refusal(e)),  # which is all that is read of its rule
        )
        for e in observation.exchanges
    )
    return (
        *(observation.outcome, observation.message, observation.detail, observation.stored_login),
        *(observation.status, observation.egress_refused),
        exchanges,
    )


@functools.lru_cache(maxsize=1024)
def _cached_matches(entry: _CacheEntry) -> tuple[CauseMatch, ...]:
    # Many cases of a run end alike, and matching every cause against each of them is slow.
    symptom = symptom_from_observation(
        entry.observation, holds_key=entry.holds_key, events=entry.events
    )
    return rank_causes(symptom)


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
