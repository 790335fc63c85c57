"""`authprobe explain`: name the cause of an error, or of each failed case of a run."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN, Tier
from authprobe.diagnosis.decision import decide
from authprobe.diagnosis.known_issues import Incident, Regression, known_issues
from authprobe.diagnosis.match import CauseMatch
from authprobe.diagnosis.symptom import Evidence, Symptom
from authprobe.diagnosis.text_facts import MAX_INPUT_BYTES, symptom_from_text
from authprobe.documents.source import escape
from authprobe.errors import ExitCode, RecordError, SettingsError
from authprobe.redaction.redactor import Redactor

if TYPE_CHECKING:
    from authprobe.run.model import CaseRecord, Reason

RESULTS_MARKER: Final = '"schema_version"'
"""Text near the beginning of every `results.json`."""
RESULTS_MARKER_LENGTH: Final = 2_000
"""Characters at the beginning in which it is looked for."""
BINARY_CHECK_LENGTH: Final = 10_000
"""Characters at the beginning in which a NUL shows a binary file."""
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
    incidents: tuple[Incident, ...] = ()
    regressions: tuple[Regression, ...] = ()
    case: str | None = None
    reasons: "tuple[Reason, ...]" = ()
    """Differences of a failed case from what its scenario expects, which the cause is not."""

    @property
    def has_cause(self) -> bool:
        """True unless the cause is unknown."""
        return self.matches[0].cause.id != UNKNOWN


def print_causes(*, as_markdown: bool) -> int:
    """Print every cause and return the exit code."""
    from authprobe.report.reference.causes import causes_markdown, causes_text

    print_text(causes_markdown() if as_markdown else causes_text(), end="")
    return ExitCode.OK


def explain(path: str | None, *, as_json: bool) -> int:
    """Print the cause of the text in a file or on standard input, and return the exit code.

    Raises:
        SettingsError: the text is missing, unreadable, too large or binary.
    """
    explanations = explain_text(_read_input(path))
    if as_json:
        print_json(json.dumps(_as_json(explanations), indent=2, ensure_ascii=False))
    else:
        print_text("\n\n".join("\n".join(_lines(explanation)) for explanation in explanations))
    is_explained = all(explanation.has_cause for explanation in explanations)
    return ExitCode.OK if is_explained else ExitCode.FAILURES


def _read_input(path: str | None) -> str:
    try:
        if path in (None, "-"):
            if sys.stdin.isatty():
                print_error("paste the text, then press Ctrl-D on an empty line")
            content = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            with Path(str(path)).open("rb") as file:
                content = file.read(MAX_INPUT_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"{path}: cannot be read: {reason}; give a text file, or `-` for standard input"
        ) from None
    if len(content) > MAX_INPUT_BYTES:
        raise SettingsError(
            f"the text is larger than {MAX_INPUT_BYTES // 1_000_000} MB; "
            "give the part around the error"
        )
    text = _decode(content)
    if not text.strip():
        raise SettingsError("the text is empty; give a file, or text on standard input")
    if "\0" in text[:BINARY_CHECK_LENGTH]:
        raise SettingsError(
            "the input is binary; give the error, the log or the web page as plain text"
        )
    return text


def _decode(content: bytes) -> str:
    """Return the content as text: UTF-16 with a byte order mark, as PowerShell writes, or UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def explain_text(text: str) -> tuple[Explanation, ...]:
    """Return the explanation of a text; for a `results.json`, one for each case that went wrong."""
    start = text[:RESULTS_MARKER_LENGTH].lstrip()
    if start.startswith("{") and RESULTS_MARKER in start and (cases := _explain_run(text)):
        return cases
    return (_explain_symptom(symptom_from_text(text)),)


def _explain_symptom(
    symptom: Symptom, case: str | None = None, reasons: "tuple[Reason, ...]" = ()
) -> Explanation:
    matches = decide(symptom)
    causes = tuple(match.cause.id for match in matches if match.confidence)
    issues = known_issues() if symptom.date or symptom.version else None
    return Explanation(
        matches=matches,
        incidents=issues.incidents_on(symptom.date, causes) if issues and symptom.date else (),
        regressions=issues.regressions_of(symptom.version, causes)
        if issues and symptom.version
        else (),
        case=case,
        reasons=reasons,
    )


def _explain_run(text: str) -> tuple[Explanation, ...]:
    """Explain each case of a run that was rejected or failed; nothing if the text is not a run."""
    from authprobe.diagnosis.diagnose import needs_diagnosis, symptom_from_record
    from authprobe.diagnosis.reasons.explain import explain_record
    from authprobe.run.results_file import parse_run

    try:
        run = parse_run(Path("text"), text.encode("utf-8", "surrogatepass"))
    except RecordError:
        return ()
    return tuple(
        _for_record(
            _explain_symptom(
                symptom_from_record(record),
                record.id,
                explain_record(record).reasons,
            ),
            record,
        )
        for record in run.cases
        if needs_diagnosis(record)
    )


def _for_record(explanation: Explanation, record: "CaseRecord") -> Explanation:
    """Return the explanation with what helps where the case asked."""
    from authprobe.diagnosis.live_causes import for_live

    matches = tuple(for_live(match, record) for match in explanation.matches)
    return dataclasses.replace(explanation, matches=matches)


def _as_json(explanations: tuple[Explanation, ...]) -> dict[str, object]:
    if len(explanations) == 1 and explanations[0].case is None:
        return _explanation_json(explanations[0])
    best: dict[str, dict[str, object]] = {}
    for explanation in explanations:
        first = explanation.matches[0]
        best.setdefault(first.cause.id, _match_json(first))
    return {
        "causes": list(best.values()),
        "cases": [_explanation_json(explanation) for explanation in explanations],
    }


def _explanation_json(explanation: Explanation) -> dict[str, object]:
    case: dict[str, object] = {}
    if explanation.case:
        reasons = [{"id": each.id, "summary": each.summary} for each in explanation.reasons]
        case = {"id": Redactor()(explanation.case), "reasons": reasons}
    return case | {
        "causes": [_match_json(match) for match in explanation.matches],
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


def _match_json(match: CauseMatch) -> dict[str, object]:
    cause = match.cause
    return {
        "id": cause.id,
        "confidence": match.confidence,
        "level": match.level.value,
        "summary": cause.summary,
        "evidence": [_quote(evidence) for evidence in match.evidence],
        "remedy": cause.remedy.text,
        "commands": list(cause.remedy.commands),
        "tier": cause.remedy.tier.value,
        "experiment": cause.experiment.text if cause.experiment else None,
        "sources": list(cause.sources),
    }


def _quote(text: Evidence | str) -> str:
    """Return the text on one line, with control and invisible characters escaped."""
    return escape(" ".join(str(text).split()))


def _lines(explanation: Explanation) -> Iterator[str]:
    if explanation.case:
        yield f"case {_quote(Redactor()(explanation.case))}"
    yield from (f"  why: {_quote(reason.summary)}" for reason in explanation.reasons)
    first, *others = explanation.matches
    yield from _first_cause_lines(first)
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
        yield "alternatives:" if explanation.has_cause else "possible causes, with weak evidence:"
    for other in others:
        yield from _alternative_lines(other)


def _first_cause_lines(match: CauseMatch) -> Iterator[str]:
    cause = match.cause
    yield cause.id if cause.id == UNKNOWN else f"{cause.id} ({_confidence(match)})"
    yield f"  {cause.summary}"
    yield from (f"  evidence: {_quote(evidence)}" for evidence in match.evidence)
    yield f"  {'next step' if cause.id == UNKNOWN else 'remedy'}: {cause.remedy.text}"
    yield from (f"    $ {command}" for command in cause.remedy.commands)
    if cause.id not in (UNKNOWN, NOT_AUTH):
        yield f"  action: {ACTIONS[cause.remedy.tier]}"


def _alternative_lines(match: CauseMatch) -> Iterator[str]:
    cause = match.cause
    yield f"  {cause.id} ({_confidence(match)})"
    yield f"    {cause.summary}"
    if cause.experiment:
        yield f"    deciding experiment: {cause.experiment.text}"
        if cause.experiment.case:
            yield f"    $ authprobe run --case {cause.experiment.case}"


def _confidence(match: CauseMatch) -> str:
    return f"{match.level.value}, {match.confidence:.2f}"
