"""Output of `authprobe explain`: explanations as lines and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN, Tier
from authprobe.diagnosis.incident.facts import IncidentFact
from authprobe.diagnosis.incident.questions import DecidingQuestion, QuestionAnswer
from authprobe.diagnosis.incident.recognition import IncidentText
from authprobe.diagnosis.match import CauseMatch
from authprobe.diagnosis.symptom import Evidence
from authprobe.diagnosis.text_redaction import redact_values
from authprobe.documents.source import escape
from authprobe.redaction.redactor import Redactor

if TYPE_CHECKING:
    from authprobe.diagnosis.known_issues import Regression, ServiceIncident
    from authprobe.run.model import Reason

ACTIONS: Final = {
    Tier.USER: "fix it yourself",
    Tier.ADMINISTRATOR: "ask an administrator",
    Tier.WAIT: "wait and retry",
    Tier.UPSTREAM: "report it to the maintainers of the program",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The matching causes of one symptom, and the known issues of its day and version."""

    matches: tuple[CauseMatch, ...]
    incidents: "tuple[ServiceIncident, ...]" = ()
    regressions: "tuple[Regression, ...]" = ()
    case: str | None = None
    reasons: "tuple[Reason, ...]" = ()
    """Differences of a failed case from what its scenario expects, which the cause is not."""
    texts: tuple[IncidentText, ...] = ()
    """The texts that were read; none for a case of a run."""
    facts: tuple[IncidentFact, ...] = ()
    contradictions: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    """Causes that the question is about."""
    question: DecidingQuestion | None = None
    """The question that would decide."""
    notes: tuple[str, ...] = ()
    """Notes on the parts of the texts that were not read."""
    words_say: CauseMatch | None = None
    """The first cause without the facts, if it is another one."""

    @property
    def has_cause(self) -> bool:
        """True unless the cause is unknown."""
        return self.matches[0].cause.id != UNKNOWN


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints explanations without secrets."""

    redactor: Redactor

    def as_json(self, explanations: tuple[Explanation, ...]) -> dict[str, object]:
        """Return the explanations as the value of the JSON output."""
        first, *cases = explanations
        if first.case is not None:
            return self._cases_json(explanations)
        whole = self._explanation_json(first)
        return whole | ({"cases": self._cases_json(tuple(cases))["cases"]} if cases else {})

    def _cases_json(self, explanations: tuple[Explanation, ...]) -> dict[str, object]:
        best: dict[str, dict[str, object]] = {}
        for explanation in explanations:
            first = explanation.matches[0]
            best.setdefault(first.cause.id, self._match_json(first))
        return {
            "causes": list(best.values()),
            "cases": [self._explanation_json(explanation) for explanation in explanations],
        }

    def _explanation_json(self, explanation: Explanation) -> dict[str, object]:
        case: dict[str, object] = {}
        if explanation.case:
            reasons = [{"id": each.id, "summary": each.summary} for each in explanation.reasons]
            case = {"id": Redactor()(explanation.case), "reasons": reasons}
        return (
            case
            | {
                "causes": [self._match_json(match) for match in explanation.matches],
                "incidents": [
                    {
                        "from": incident.begin.isoformat(),
                        "to": incident.last_day.isoformat(),
                        "what": incident.what,
                        "sources": list(incident.sources),
                    }
                    for incident in explanation.incidents
                ],
                "versions": [
                    {
                        "versions": regression.versions,
                        "what": regression.what,
                        "sources": list(regression.sources),
                    }
                    for regression in explanation.regressions
                ],
            }
            | ({} if explanation.case else self._decision_json(explanation))
        )

    def _decision_json(self, explanation: Explanation) -> dict[str, object]:
        question, words_say = explanation.question, explanation.words_say
        result: dict[str, object] = {
            "decides": _question_json(question, explanation.candidates) if question else None,
            "texts": [
                {"name": self.quote(each.name) or None, "kind": each.kind.value}
                for each in explanation.texts
            ],
            "facts": [self._fact_json(fact) for fact in explanation.facts],
            "contradictions": [self.quote(each) for each in explanation.contradictions],
            "notes": [self.quote(each) for each in explanation.notes],
        }
        if words_say:
            result["without_facts"] = self._match_json(words_say)
        return result

    def _fact_json(self, fact: IncidentFact) -> dict[str, object]:
        evidence = fact.evidence
        return {
            "text": self.quote(evidence.text),
            "source": self.quote(evidence.source) if evidence.source else None,
            "line": evidence.line,
            "question": fact.question,
            "answer": fact.answer,
            "cause": fact.cause,
        }

    def _match_json(self, match: CauseMatch) -> dict[str, object]:
        cause = match.cause
        return {
            "id": cause.id,
            "confidence": match.confidence,
            "level": match.level.value,
            "summary": cause.summary,
            "evidence": [self.quote(evidence) for evidence in match.evidence],
            "remedy": cause.remedy.text,
            "commands": list(cause.remedy.commands),
            "tier": cause.remedy.tier.value,
            "experiment": cause.experiment.text if cause.experiment else None,
            "sources": list(cause.sources),
        }

    def quote(self, text: Evidence | str) -> str:
        """Return the text on one line, redacted, with invisible characters escaped."""
        return escape(redact_values(self.redactor(" ".join(str(text).split()))))

    def lines(self, explanation: Explanation) -> Iterator[str]:
        """Yield the lines of an explanation."""
        if explanation.case:
            yield f"case {self.quote(explanation.case)}"
        yield from (f"  why: {self.quote(reason.summary)}" for reason in explanation.reasons)
        first, *others = explanation.matches
        yield from self._first_cause_lines(first)
        for incident in explanation.incidents:
            days = str(incident.begin)
            if incident.last_day > incident.begin:
                days += f" to {incident.last_day}"
            yield f"  incident ({days}): {incident.what} {' '.join(incident.sources)}"
        for regression in explanation.regressions:
            sources = " ".join(regression.sources)
            yield f"  regression ({regression.versions}): {regression.what} {sources}"
        yield from (f"  source: {source}" for source in first.cause.sources)
        if others:
            known = explanation.has_cause
            yield "alternatives:" if known else "possible causes, with weak evidence:"
        for other in others:
            yield from self._alternative_lines(other)
        yield from self._incident_lines(explanation)

    def _first_cause_lines(self, match: CauseMatch) -> Iterator[str]:
        cause = match.cause
        yield cause.id if cause.id == UNKNOWN else f"{cause.id} ({confidence(match)})"
        yield f"  {cause.summary}"
        yield from (f"  evidence: {self.quote(evidence)}" for evidence in match.evidence)
        yield f"  {'next step' if cause.id == UNKNOWN else 'remedy'}: {cause.remedy.text}"
        yield from (f"    $ {command}" for command in cause.remedy.commands)
        if cause.id not in (UNKNOWN, NOT_AUTH):
            yield f"  action: {ACTIONS[cause.remedy.tier]}"

    def _alternative_lines(self, match: CauseMatch) -> Iterator[str]:
        cause = match.cause
        yield f"  {cause.id} ({confidence(match)})"
        yield f"    {cause.summary}"
        if cause.experiment:
            yield f"    deciding experiment: {cause.experiment.text}"
            if cause.experiment.case:
                yield f"    see this in the emulator: authprobe run --case {cause.experiment.case}"

    def _incident_lines(self, explanation: Explanation) -> Iterator[str]:
        """Yield what is known beside the causes: the facts, and the question that would decide."""
        yield from (f"note: {self.quote(note)}" for note in explanation.notes)
        if len(explanation.texts) > 1:
            yield "texts:"
            for text in explanation.texts:
                yield f"  {self.quote(text.name)}: {text.kind}"
        if explanation.facts:
            yield "facts:"
            yield from (f"  {self.quote(fact.evidence)}" for fact in explanation.facts)
        if explanation.contradictions:
            yield "contradictions:"
            yield from (f"  {self.quote(each)}" for each in explanation.contradictions)
        if explanation.words_say:
            first = explanation.words_say
            yield f"without the facts: {first.cause.id} ({confidence(first)})"
        if explanation.question:
            yield f"What would decide: {explanation.question.asks}"
            for answer in explanation.question.answers:
                if effect := effect_words(answer, explanation.candidates):
                    yield f"  {answer_words(explanation.question, answer)}: {effect}"
            yield from (f"  $ {command}" for command in explanation.question.commands)


def confidence(match: CauseMatch) -> str:
    """Return the confidence of a match as a word and a number."""
    return f"{match.level.value}, {match.confidence:.2f}"


def answer_words(question: DecidingQuestion, answer: QuestionAnswer) -> str:
    """Return an answer in words; of a question of yes or no only that."""
    return answer.id if question.is_yes_or_no else answer.says


def effect_words(answer: QuestionAnswer, candidates: tuple[str, ...]) -> str:
    """Return what an answer does to the causes that a question is about."""
    effects = _effects(answer, candidates)
    return ", ".join(f"{word} {' and '.join(ids)}" for word, ids in effects.items() if ids)


def _effects(answer: QuestionAnswer, candidates: tuple[str, ...]) -> dict[str, list[str]]:
    factors = {cause: answer.factors.get(cause, 1.0) for cause in candidates}
    return {
        "for": [cause for cause, factor in factors.items() if factor > 1],
        "against": [cause for cause, factor in factors.items() if factor < 1],
    }


def _question_json(question: DecidingQuestion, candidates: tuple[str, ...]) -> dict[str, object]:
    return {
        "id": question.id,
        "question": question.asks,
        "commands": list(question.commands),
        "answers": [
            {"id": answer.id, "says": answer.says, **_effects(answer, candidates)}
            for answer in question.answers
        ],
    }
