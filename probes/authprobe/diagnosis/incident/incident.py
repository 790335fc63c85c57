"""Incidents: the conclusion from several texts about one failure.

Words (logs, errors, pages, failed requests of an archive) are read together, as one text. Settings,
stored logins and the output of `doctor` are facts, which change the ranking and are never read as
words; but commands and errors between variables are words.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from authprobe.diagnosis.causes import Cause, causes
from authprobe.diagnosis.decision import decide, rank
from authprobe.diagnosis.incident.contradictions import (
    against_words,
    believed_facts,
    contradictions,
)
from authprobe.diagnosis.incident.doctor_facts import doctor_facts, doctor_version, status_facts
from authprobe.diagnosis.incident.facts import IncidentFact, without_repetitions
from authprobe.diagnosis.incident.questions import DecidingQuestion, questions
from authprobe.diagnosis.incident.recognition import (
    IncidentText,
    TextKind,
    words_beside_variables,
)
from authprobe.diagnosis.incident.remedies import with_fitting_remedies
from authprobe.diagnosis.incident.settings_facts import secret_values, settings_facts
from authprobe.diagnosis.incident.weighing import (
    IncidentRanking,
    deciding_question,
    rank_by_words,
    unknown_match,
    weigh,
)
from authprobe.diagnosis.incident.words import TextPassage, Words, join_passages, request_facts
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel
from authprobe.diagnosis.model import model
from authprobe.diagnosis.symptom import Evidence, FactSet, Symptom
from authprobe.diagnosis.text_facts import symptom_from_text
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.token_patterns import looks_random

if TYPE_CHECKING:
    from authprobe.diagnosis.incident.archive import ArchivedRequest

MIN_SECRET_LENGTH: Final = 8
"""Characters; to redact shorter values would redact ordinary words as well."""
MIN_RANDOM_LENGTH: Final = 6
"""Characters of a value with letters and digits, which is hardly a word."""
KIND_PREFIX: Final = "sk-ant-"
"""Start of values that the patterns find by themselves, and whose kind the words must show."""
OPENING_QUESTIONS: Final = (
    "without-tools",
    "active-credential",
    "base-url",
    "others-fail",
    "place",
)
LOGIN_QUESTIONS: Final = frozenset({"fresh-login", "stored-login", "shared-login"})
"""Questions about the stored login, which tell nothing while another credential is in use."""
CREDENTIAL_QUESTIONS: Final = frozenset({"credential-intended", "credential-form"})
"""Questions about the credential in use, which tell nothing if there is none."""
ACTIVE: Final = "active-credential"
MAX_RANKED_AGAIN: Final = 20_000
"""Characters of a text for which all probabilities are computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The causes of an incident, with the facts that were weighed."""

    matches: tuple[CauseMatch, ...]
    candidates: tuple[str, ...] = ()
    """Causes that the question is about."""
    facts: tuple[IncidentFact, ...] = ()
    contradictions: tuple[str, ...] = ()
    question: DecidingQuestion | None = None
    """The question whose answer would decide; None: nothing is open."""
    words_say: tuple[CauseMatch, ...] = ()
    """The causes without the facts."""
    version: str | None = None
    date: datetime.date | None = None
    notes: tuple[str, ...] = ()
    """Notes on the parts of the texts that were not read."""

    @property
    def is_changed(self) -> bool:
        """True if another cause comes first than without the facts."""
        return bool(self.words_say) and self.words_say[0].cause.id != self.matches[0].cause.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Knowledge of an incident: the ranking by its words, and its facts."""

    ranking: IncidentRanking
    facts: tuple[IncidentFact, ...]
    contradictions: tuple[str, ...]
    version: str | None
    date: datetime.date | None
    catalogue: Mapping[str, Cause] = field(repr=False)
    answers: tuple[IncidentFact, ...] = ()
    """Answers of a person."""
    asked: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    """Notes on the parts of the texts that were not read."""

    def with_answer(self, question: DecidingQuestion, answer_id: str | None) -> "Incident":
        """Return the incident after a question was answered; None: the answer is not known."""
        asked = self.asked | {question.id}
        if answer_id is None:
            return replace(self, asked=asked)
        answer = question.answer(answer_id)
        fact = AnsweredFact(
            evidence=Evidence(f"your answer: {answer.says}"),
            question=question.id,
            answer=answer_id,
            effects=answer.factors,
        )
        return replace(self, asked=asked, answers=(*self.answers, fact))

    def conclude(self) -> Conclusion:
        """Return the conclusion from everything that is known."""
        believed = believed_facts(self.facts)
        ranking = weigh(self.ranking, (*believed, *self.answers), self.catalogue)
        answered = {fact.question for fact in believed if fact.question and not fact.is_inferred}
        first = ranking.matches[0].cause.id
        against = tuple(against_words(self.ranking.matches[0], believed, first))
        shown = {match.cause.id for match in ranking.matches}
        return Conclusion(
            matches=with_fitting_remedies(ranking.matches, (*believed, *self.answers)),
            candidates=tuple(cause for cause in ranking.candidates if cause in shown),
            facts=(*self.facts, *self.answers),
            contradictions=(*self.contradictions, *against),
            question=deciding_question(
                ranking,
                frozenset(answered | self.asked | _pointless(believed, self.answers, self.asked)),
            ),
            words_say=self.ranking.matches,
            version=self.version,
            date=self.date,
            notes=self.notes,
        )

    def opening_question(self) -> DecidingQuestion | None:
        """Return a question to begin with, where nothing points to a cause."""
        believed = believed_facts(self.facts)
        answered = {fact.question for fact in believed} | self.asked
        left = (each for each in OPENING_QUESTIONS if each not in answered)
        return next((questions()[each] for each in left), None)


def _pointless(
    facts: Iterable[IncidentFact], answers: Iterable[IncidentFact], asked: frozenset[str]
) -> frozenset[str]:
    """Return the questions about a credential that is not in use, or not known to be."""
    active = [each.answer for each in (*facts, *answers) if each.question == ACTIVE]
    if not active:
        return frozenset() if ACTIVE in asked else frozenset({"fresh-login"})
    if active[-1] == "login":
        return frozenset()
    return CREDENTIAL_QUESTIONS if active[-1] == "none" else LOGIN_QUESTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredFact(IncidentFact):
    """The answer of a person to a question, which may be an experiment."""

    effects: Mapping[str, float] = field(default_factory=dict)

    @property
    def factors(self) -> Mapping[str, float]:
        """Change of the odds of each cause that it concerns."""
        return self.effects


def open_incident(
    texts: tuple[IncidentText, ...],
    *,
    now: datetime.datetime,
    further: Iterable[IncidentFact] = (),
) -> Incident:
    """Return what is known of an incident from its texts; results of runs are not read.

    Args:
        texts: the texts; their order does not matter.
        now: the time at which a stored login is judged to be expired.
        further: facts from elsewhere, such as from results of runs.
    """
    requests = _requests(texts)
    words = join_passages(_passages(texts, requests))
    # Only words can have a secret of a text in them, and large settings have very many.
    secrets = _secrets(texts) if words.text else set[str]()
    words = words.without(secrets)
    symptom = _symptom(texts, words, requests, _redactor(secrets))
    catalogue = causes()
    matches = tuple(
        replace(match, evidence=_once(words.place(each) for each in match.evidence))
        for match in (decide(symptom) if symptom.fact_sets else ())
    )
    ranking = rank_by_words(
        matches or (unknown_match(catalogue),), catalogue, _probabilities(symptom, matches)
    )
    facts = without_repetitions((*_facts(texts, words, symptom, now), *further))
    version, different = _version(texts, symptom)
    return Incident(
        ranking=ranking,
        facts=facts,
        contradictions=(*contradictions(facts), *different),
        version=version,
        date=symptom.date,
        catalogue=catalogue,
        notes=words.notes,
    )


def incident_redactor(texts: Iterable[IncidentText]) -> Redactor:
    """Return a redactor that knows every secret value of the texts."""
    return _redactor(_secrets(texts))


def _redactor(secrets: Iterable[str]) -> Redactor:
    redactor = Redactor()
    for value in secrets:
        redactor.learn("credential", value)
    return redactor


def _secrets(texts: Iterable[IncidentText]) -> set[str]:
    """Return the lines of the secret values of the texts that patterns do not find."""
    values = {
        line.strip() for text in texts for value in _values(text) for line in value.splitlines()
    }
    return {
        value
        for value in values
        if len(value) >= (MIN_RANDOM_LENGTH if looks_random(value) else MIN_SECRET_LENGTH)
        and not value.startswith((KIND_PREFIX, "[redacted"))
    }


def _values(text: IncidentText) -> Iterator[str]:
    if text.kind is TextKind.ARCHIVE:
        from authprobe.diagnosis.incident.archive import archived_secrets

        return archived_secrets(text)
    return secret_values(text)


def _requests(texts: tuple[IncidentText, ...]) -> "dict[int, tuple[ArchivedRequest, ...]]":
    """Return the failed requests of each archive, by the number of its text."""
    archives = [number for number, text in enumerate(texts) if text.kind is TextKind.ARCHIVE]
    if not archives:
        return {}
    # Imported here because the facts of exchanges need the emulator, which takes time to load.
    from authprobe.diagnosis.incident.archive import failed_requests

    return {number: failed_requests(texts[number]) for number in archives}


def _passages(
    texts: tuple[IncidentText, ...],
    requests: "Mapping[int, tuple[ArchivedRequest, ...]]",
) -> Iterator[TextPassage]:
    for number, text in enumerate(texts):
        if text.kind is TextKind.WORDS:
            yield TextPassage(text.name, text.text)
        elif text.kind is TextKind.ENVIRONMENT and (others := words_beside_variables(text)).strip():
            yield TextPassage(text.name, others)
        if number in requests:
            from authprobe.diagnosis.incident.archive import request_passages

            yield from request_passages(text, requests[number])


def _symptom(
    texts: tuple[IncidentText, ...],
    words: Words,
    requests: "Mapping[int, tuple[ArchivedRequest, ...]]",
    redactor: Redactor,
) -> Symptom:
    exchanges: tuple[FactSet, ...] = ()
    for number, found in requests.items():
        from authprobe.diagnosis.incident.archive import request_fact_sets

        exchanges += tuple(request_fact_sets(texts[number], found, redactor))
    if not words.text.strip():
        return Symptom(fact_sets=exchanges)
    symptom = symptom_from_text(words.text)
    return replace(symptom, fact_sets=(*symptom.fact_sets, *exchanges))


def _probabilities(symptom: Symptom, matches: tuple[CauseMatch, ...]) -> Mapping[str, float] | None:
    """Return the probabilities of all causes, if the causes that are shown leave much open.

    Computing them again takes as long as the decision itself, so this is left out for long texts.
    """
    is_open = any(match.level is not ConfidenceLevel.CERTAIN for match in matches[:1])
    if not is_open or not symptom.is_text or len(symptom.fact_sets[0].text) > MAX_RANKED_AGAIN:
        return None
    return rank(symptom, model()).probabilities


def _once(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the evidence, of several from one line only the first."""
    by_place: dict[object, Evidence] = {}
    for each in evidence:
        by_place.setdefault((each.source, each.line) if each.line else each, each)
    return tuple(by_place.values())


def _facts(
    texts: tuple[IncidentText, ...], words: Words, symptom: Symptom, now: datetime.datetime
) -> Iterator[IncidentFact]:
    if symptom.is_text:
        yield from request_facts(words, symptom.fact_sets[0].text)
    yield from settings_facts(texts, now)
    for text in texts:
        if text.kind is TextKind.DOCTOR:
            yield from doctor_facts(text)
        elif text.kind is TextKind.STATUS:
            yield from status_facts(text)


def _version(texts: Iterable[IncidentText], symptom: Symptom) -> tuple[str | None, tuple[str, ...]]:
    """Return the version of Claude Code, and how the texts differ about it."""
    versions = [
        found
        for text in texts
        if text.kind is TextKind.DOCTOR and (found := doctor_version(text)) is not None
    ]
    if symptom.version is None:
        return (versions[0][0] if versions else None), ()
    different = tuple(
        f"the words name Claude Code {symptom.version}; but {evidence}"
        for version, evidence in versions
        if version != symptom.version
    )
    return symptom.version, different
