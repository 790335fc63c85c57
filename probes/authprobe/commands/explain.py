"""`authprobe explain`: name the cause of an error, or of each failed case of a run."""

import datetime
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authprobe.commands.explain_input import read_texts
from authprobe.commands.explain_output import Explanation, Printer
from authprobe.commands.printing import print_json, print_text
from authprobe.core.wrapping import terminal_width, wrap_lines
from authprobe.diagnosis.causes import UNKNOWN
from authprobe.diagnosis.decision import decide
from authprobe.diagnosis.incident.facts import IncidentFact, line_of
from authprobe.diagnosis.incident.incident import (
    Conclusion,
    Incident,
    incident_redactor,
    open_incident,
)
from authprobe.diagnosis.incident.questions import FACTORS
from authprobe.diagnosis.incident.recognition import IncidentText, TextKind, recognise
from authprobe.diagnosis.match import LIKELY_CONFIDENCE
from authprobe.diagnosis.symptom import Evidence
from authprobe.errors import ExitCode, RecordError

if TYPE_CHECKING:
    from authprobe.run.model import CaseRecord, Run

MAX_CAUSES_OF_RUN: Final = 3
"""Causes of a run's failed cases, above which they point to nothing."""


def print_causes(*, as_markdown: bool) -> int:
    """Print every cause and return the exit code."""
    from authprobe.report.reference.causes import causes_markdown, causes_text

    lines = wrap_lines(causes_text().splitlines(), terminal_width(sys.stdout))
    print_text(causes_markdown() if as_markdown else "".join(f"{line}\n" for line in lines), end="")
    return ExitCode.OK


def explain(paths: tuple[str, ...], *, as_json: bool, is_interactive: bool = False) -> int:
    """Print the cause of the texts in files or on standard input, and return the exit code.

    Raises:
        SettingsError: a text is missing, unreadable, too large or binary, or there is no terminal.
    """
    if is_interactive:
        from authprobe.commands.explain_dialogue import open_terminal

        with open_terminal() as terminal:
            texts = read_texts(paths)
            explanations = explain_texts(texts, terminal.readline)
    else:
        texts = read_texts(paths)
        explanations = explain_texts(texts)
    printer = Printer(incident_redactor(texts))
    if as_json:
        print_json(json.dumps(printer.as_json(explanations), indent=2, ensure_ascii=False))
    else:
        width = terminal_width(sys.stdout)
        texts_of_cases = (
            "\n".join(wrap_lines(printer.lines(each), width)) for each in explanations
        )
        print_text("\n\n".join(texts_of_cases))
    is_explained = all(explanation.has_cause for explanation in explanations)
    return ExitCode.OK if is_explained else ExitCode.FAILURES


def explain_texts(
    texts: tuple[IncidentText, ...], read_line: Callable[[], str] | None = None
) -> tuple[Explanation, ...]:
    """Return the explanation of an incident, and one for each case of a run that went wrong.

    If there is nothing but a run, there are only its cases. Questions that decide are asked if a
    function is given that reads an answer.
    """
    runs = {
        number: run
        for number, text in enumerate(texts)
        if text.kind is TextKind.RESULTS and (run := _parse_run(text)) is not None
    }
    cases = {number: _explain_run(run) for number, run in runs.items()}
    explained_cases = tuple(each for number in cases for each in cases[number])
    others = tuple(
        replace(text, kind=TextKind.WORDS) if text.kind is TextKind.RESULTS else text
        for number, text in enumerate(texts)
        if not cases.get(number)
    )
    if not others:
        return explained_cases
    facts = tuple(
        fact
        for number, run in runs.items()
        for fact in _run_facts(texts[number], run, cases[number])
    )
    now = datetime.datetime.now(datetime.UTC)
    incident = open_incident(others, now=now, further=facts)
    if read_line is not None:
        from authprobe.commands.explain_dialogue import ask_questions

        incident = ask_questions(incident, read_line)
    is_plain = len(texts) == 1 and others[0].kind is TextKind.WORDS
    return (_explain_incident(incident, texts, is_plain=is_plain), *explained_cases)


def _explain_incident(
    incident: Incident, texts: tuple[IncidentText, ...], *, is_plain: bool
) -> Explanation:
    """Return the explanation; of words alone, it has only the facts that are answers."""
    conclusion = incident.conclude()
    explanation = _with_known_issues(
        Explanation(
            matches=conclusion.matches,
            texts=texts,
            facts=incident.answers if is_plain else conclusion.facts,
            contradictions=() if is_plain else conclusion.contradictions,
            candidates=conclusion.candidates,
            question=conclusion.question,
            notes=conclusion.notes,
        ),
        conclusion.version,
        conclusion.date,
    )
    first = conclusion.words_say[0]
    return replace(explanation, words_say=first) if _shows_words(conclusion) else explanation


def _shows_words(conclusion: Conclusion) -> bool:
    """Return True if the facts changed what comes first, and the words had named a cause."""
    return conclusion.is_changed and conclusion.words_say[0].cause.id != UNKNOWN


def explain_text(text: str) -> tuple[Explanation, ...]:
    """Return the explanation of a text; for a `results.json`, one for each case that went wrong."""
    return explain_texts((recognise("", text),))


def _with_known_issues(
    explanation: Explanation, version: str | None, date: datetime.date | None
) -> Explanation:
    """Return the explanation with the known issues of a version and a day."""
    causes = tuple(match.cause.id for match in explanation.matches if match.confidence)
    if not (date or version):
        return explanation
    from authprobe.diagnosis.known_issues import known_issues

    issues = known_issues()
    return replace(
        explanation,
        incidents=issues.incidents_on(date, causes) if date else (),
        regressions=issues.regressions_of(version, causes) if version else (),
    )


def _parse_run(text: IncidentText) -> "Run | None":
    """Return the run in a `results.json`; None if it is none."""
    from authprobe.run.results_file import parse_run

    try:
        return parse_run(Path("text"), text.text.encode("utf-8", "surrogatepass"))
    except RecordError:
        return None


def _explain_run(run: "Run") -> tuple[Explanation, ...]:
    """Explain each case of a run that was rejected or failed."""
    from authprobe.diagnosis.diagnose import needs_diagnosis

    return tuple(_explain_case(record) for record in run.cases if needs_diagnosis(record))


def _explain_case(record: "CaseRecord") -> Explanation:
    from authprobe.diagnosis.diagnose import symptom_from_record
    from authprobe.diagnosis.live_causes import for_live
    from authprobe.diagnosis.reasons.explain import explain_record

    symptom = symptom_from_record(record)
    return _with_known_issues(
        Explanation(
            matches=tuple(for_live(match, record) for match in decide(symptom)),
            case=record.id,
            reasons=explain_record(record).reasons,
        ),
        symptom.version,
        symptom.date,
    )


def _run_facts(
    text: IncidentText, run: "Run", cases: tuple[Explanation, ...]
) -> Iterator[IncidentFact]:
    """Yield the causes that the cases of a run point to, if they are few.

    A case of the emulator counts only if it failed: most refusals in it are arranged.
    """
    from authprobe.core.targets import Target
    from authprobe.verdict.model import Status

    counted = {
        record.id
        for record in run.cases
        if record.verdict.status is Status.FAILED or record.target is Target.LIVE
    }
    firsts = {
        explanation.matches[0].cause.id: explanation
        for explanation in reversed(cases)
        if explanation.case in counted and explanation.matches[0].confidence >= LIKELY_CONFIDENCE
    }
    if len(firsts) > MAX_CAUSES_OF_RUN:
        return
    for cause, explanation in firsts.items():
        at = text.text.find(json.dumps(explanation.case))
        words = f"the case {explanation.case} points to {cause}"
        yield IncidentFact(
            evidence=Evidence(words, line_of(text.text, at), text.name),
            cause=cause,
            factor=FACTORS["supports"],
        )
