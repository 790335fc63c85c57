"""`authprobe explain`: the cause of an error, a log, a page, an issue, or of each case of a run."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.diagnosis.causes import NOT_AUTH, UNKNOWN
from authprobe.diagnosis.known_issues import Incident, Regression, history
from authprobe.diagnosis.match import Match, match
from authprobe.diagnosis.symptom import Evidence, Symptom
from authprobe.diagnosis.text_facts import LIMIT_CHARACTERS, read
from authprobe.documents.source import escape
from authprobe.errors import ExitCode, SettingsError

RESULTS: Final = '"schema_version"'
"""In the beginning of a `results.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of one trouble."""

    matches: tuple[Match, ...]
    incidents: tuple[Incident, ...] = ()
    regressions: tuple[Regression, ...] = ()
    case: str | None = None

    @property
    def named(self) -> bool:
        """Whether there is an answer."""
        return self.matches[0].cause.id != UNKNOWN


def list_causes(*, as_markdown: bool) -> int:
    """Print every cause; the exit code."""
    from authprobe.report.reference.causes import causes_markdown, causes_text

    print(causes_markdown() if as_markdown else causes_text(), end="")
    return ExitCode.OK


def explain(path: str | None, *, as_json: bool) -> int:
    """Name the cause of what is in a file, or comes on standard input; the exit code.

    Raises:
        SettingsError: it cannot be read.
    """
    given = _given(path)
    explanations = explain_text(given)
    if as_json:
        print(json.dumps(_as_json(explanations), indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(map(_as_text, explanations)))
    named = all(explanation.named for explanation in explanations)
    return ExitCode.OK if named else ExitCode.FAILURES


def _given(path: str | None) -> str:
    try:
        if path in (None, "-"):
            if sys.stdin.isatty():
                print("paste the text, then press Ctrl-D on a line of its own", file=sys.stderr)
            content = sys.stdin.buffer.read(LIMIT_CHARACTERS + 1)
        else:
            with Path(str(path)).open("rb") as file:
                content = file.read(LIMIT_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"{path}: cannot be read: {reason}; give a file, or `-`") from None
    if len(content) > LIMIT_CHARACTERS:
        raise SettingsError(
            f"more than {LIMIT_CHARACTERS // 1_000_000} MB; give the part around the error"
        )
    text = _decoded(content)
    if not text.strip():
        raise SettingsError("there is nothing to explain; give a file, or text on standard input")
    if "\0" in text[:10_000]:
        raise SettingsError("this is no text; give the error, the log or the page as text")
    return text


def _decoded(content: bytes) -> str:
    """PowerShell writes UTF-16 where others write UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")


def explain_text(given: str) -> tuple[Explanation, ...]:
    """The explanation of a text; of each case that has a diagnosis, if it is a `results.json`."""
    start = given[:2000].lstrip()
    if start.startswith("{") and RESULTS in start and (cases := _cases(given)):
        return cases
    symptom = read(given)
    return (_explanation(symptom),)


def _explanation(symptom: Symptom, case: str | None = None) -> Explanation:
    matches = match(symptom)
    names = tuple(found.cause.id for found in matches if found.confidence)
    known = history() if symptom.date or symptom.version else None
    return Explanation(
        matches=matches,
        incidents=known.on(symptom.date, names) if known and symptom.date else (),
        regressions=known.of(symptom.version, names) if known and symptom.version else (),
        case=case,
    )


def _cases(given: str) -> tuple[Explanation, ...]:
    """Each case of a run that was refused or failed; none if it is no run."""
    from pydantic import TypeAdapter, ValidationError

    from authprobe.diagnosis.diagnose import went_wrong
    from authprobe.diagnosis.observation_facts import observed
    from authprobe.run.model import Run

    try:
        run = TypeAdapter(Run).validate_json(given)
    except ValidationError:
        return ()
    return tuple(
        _explanation(observed(record.observation), record.id)
        for record in run.cases
        if went_wrong(record.observation, record.verdict)
    )


def _as_json(explanations: tuple[Explanation, ...]) -> dict[str, object]:
    told = [_told(explanation) for explanation in explanations]
    if len(told) == 1 and explanations[0].case is None:
        return told[0]
    best: dict[str, dict[str, object]] = {}
    for explanation, one in zip(explanations, told, strict=True):
        first = one["causes"][0]  # type: ignore[index]
        best.setdefault(explanation.matches[0].cause.id, first)
    return {"causes": list(best.values()), "cases": told}


def _told(explanation: Explanation) -> dict[str, object]:
    told: dict[str, object] = {"id": explanation.case} if explanation.case else {}
    told["causes"] = [
        {
            "id": found.cause.id,
            "confidence": found.confidence,
            "level": found.level.value,
            "summary": found.cause.summary,
            "evidence": [_shown(evidence) for evidence in found.evidence],
            "remedy": found.cause.remedy.text,
            "commands": list(found.cause.remedy.commands),
            "tier": found.cause.remedy.tier.value,
            "experiment": found.cause.experiment.text if found.cause.experiment else None,
            "sources": list(found.cause.sources),
        }
        for found in explanation.matches
    ]
    told["incidents"] = [
        {
            "from": incident.begin.isoformat(),
            "to": incident.last_day.isoformat(),
            "what": incident.what,
            "sources": list(incident.sources),
        }
        for incident in explanation.incidents
    ]
    told["versions"] = [
        {"versions": known.versions, "what": known.what, "sources": list(known.sources)}
        for known in explanation.regressions
    ]
    return told


def _shown(evidence: Evidence) -> str:
    """On one line, with nothing hidden in it."""
    return escape(" ".join(str(evidence).split()))


def _as_text(explanation: Explanation) -> str:
    first, *others = explanation.matches
    lines = [f"case {explanation.case}"] if explanation.case else []
    sure = "" if first.cause.id == UNKNOWN else f" ({first.level.value}, {first.confidence:.2f})"
    lines += [f"{first.cause.id}{sure}", f"  {first.cause.summary}"]
    lines += [f"  seen: {_shown(evidence)}" for evidence in first.evidence]
    label = "to add" if first.cause.id == UNKNOWN else "remedy"
    lines.append(f"  {label}: {first.cause.remedy.text}")
    if first.cause.id not in (UNKNOWN, NOT_AUTH):
        lines.append(f"  who: {first.cause.remedy.tier.value}")
    lines += [f"    $ {command}" for command in first.cause.remedy.commands]
    for incident in explanation.incidents:
        days = f"{incident.begin}" + (
            f" to {incident.last_day}" if incident.last_day > incident.begin else ""
        )
        lines.append(f"  on that day: {days}: {incident.what} {' '.join(incident.sources)}")
    for known in explanation.regressions:
        lines.append(f"  this version: {known.versions}: {known.what} {' '.join(known.sources)}")
    lines += [f"  source: {source}" for source in first.cause.sources]
    if others:
        lines.append("or:" if explanation.named else "not enough for, but it may be:")
    for other in others:
        lines.append(f"  {other.cause.id} ({other.level.value}, {other.confidence:.2f})")
        lines.append(f"    {other.cause.summary}")
        if other.cause.experiment:
            lines.append(f"    to tell: {other.cause.experiment.text}")
            if case := other.cause.experiment.case:
                lines.append(f"    $ authprobe run --case {case}")
    return "\n".join(lines)
