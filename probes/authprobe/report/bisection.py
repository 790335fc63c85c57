"""What a bisection has found: as text, as Markdown for an issue, and for JSON."""

import re
import shlex
from collections.abc import Iterator
from typing import Final

from authprobe.bisection.model import (
    ERROR_RATE,
    MAX_GOOD_FAILURE_RATE,
    MIN_BAD_FAILURE_RATE,
    Assessment,
    Classification,
)
from authprobe.bisection.runner import BisectionReport
from authprobe.core.escaping import MAX_TEXT_LENGTH, one_line
from authprobe.diff.observations import Change, stable_changes
from authprobe.plan.case_ids import without_version
from authprobe.report.diff import change_lines
from authprobe.report.markdown.summary import escaped
from authprobe.report.model.phrases import plural
from authprobe.run.model import this_platform
from authprobe.trials.log import Trial

_LONGEST: Final = 180
"""File systems take 255 bytes for a name, and there is an ending to come."""


def headline(found: BisectionReport) -> str:
    """The answer in one sentence."""
    asked, result = found.inquiry, found.bisection
    if result.problem:
        return f"Not decided: {result.problem}."
    before, after = ("bad", "good") if found.fix else ("good", "bad")
    if asked.when:
        first = f"the first in which {asked.when} is {'again' if found.fix else 'not'} as in"
        named, last = f"{first} {asked.good}", f"{result.last_before} is the last before it"
    else:
        named, last = f"the first {after} version", f"{result.last_before} is the last {before} one"
    if result.named:
        return f"{asked.kind} {result.named} is {named}; {last}."
    return f"One of {plural(len(result.candidates), 'version')} of {asked.kind} is {named}; {last}."


def doubts(found: BisectionReport) -> tuple[str, ...]:
    """What the answer does not say by itself, a line each."""
    result = found.bisection
    lines = []
    if len(result.candidates) > 1:
        lines.append(f"candidates: {', '.join(result.candidates)}")
    if result.contradictions:
        others = ", ".join(result.contradictions)
        lines.append(f"not monotonic: {others} contradict one change; there are more than this one")
    for told in dict.fromkeys(map(str, result.untestable)):
        lines.append(f"{told}: {', '.join(x.version for x in result.untestable if str(x) == told)}")
    lines += [f"{each.version}: {each}" for each in result.assessments if _settled(each)]
    if result.lacking:
        lines.append(
            f"not in the log: {plural(len(result.lacking), 'version')}, which were not asked"
        )
    lines += [
        f"not checked {side}: nothing that was asked there can be tested"
        for side in _unchecked(found)
    ]
    return tuple(one_line(line, MAX_TEXT_LENGTH) for line in lines)


def _unchecked(found: BisectionReport) -> Iterator[str]:
    """On which sides of the interval versions were asked, and none could be tested."""
    result = found.bisection
    if result.last_before is None or result.first_after is None:
        return
    place = {version: index for index, version in enumerate(found.versions)}
    low, high = place[result.last_before], place[result.first_after]
    sampled = [place[version] for version in result.sampled]
    in_vain = [place[each.version] for each in result.untestable]
    for first, last, words in ((0, low, "before it"), (high, len(place) - 1, "after it")):
        if any(first < x < last for x in in_vain) and not any(first < x < last for x in sampled):
            yield words


def _settled(each: Assessment) -> bool:
    return each.flaky and each.word is not Classification.UNTESTABLE


def changes(found: BisectionReport) -> tuple[Change, ...]:
    """What differs between the two neighbours, each time."""
    before = found.seen(found.bisection.last_before)
    after = found.seen(found.bisection.first_after)
    return stable_changes(before, after) if before and after else ()


def effort(found: BisectionReport) -> str:
    """How many versions there are, and how many probes it took."""
    result = found.bisection
    parts = (
        f"{plural(len(found.versions), 'version')} from {found.versions[0]} "
        f"to {found.versions[-1]}: {plural(result.probes, 'probe')} to the answer",
        f"{result.checks} to check it",
        f"{plural(result.known, 'answer')} out of the log",
    )
    return ", ".join(parts)


def again(found: BisectionReport, case: str, scenarios: tuple[str, ...]) -> str:
    """The command that asks the same."""
    asked = found.inquiry
    words = ["authprobe", "bisect", case, "--good", asked.good, "--bad", asked.bad]
    words += ["--find-fix"] if found.fix else []
    words += ["--when", asked.when] if asked.when else []
    for path in scenarios:
        words += ["--scenarios", path]
    return shlex.join(words)


def question(found: BisectionReport) -> str:
    """What was asked of each version."""
    if found.inquiry.when:
        return f"whether {found.inquiry.when} is as in {found.inquiry.good}"
    return f"the verdict, by what is expected in {found.inquiry.judged_by}"


def file_name(found: BisectionReport) -> str:
    """The name of the files of its answer, without the ending: the same question has the same."""
    asked = found.inquiry
    case = without_version(asked.at(asked.good).id)
    words = (
        case,
        asked.when,
        "fix" if found.fix else None,
        *found.versions[:: len(found.versions) - 1],
    )
    name = "-".join(re.sub(r"[^0-9A-Za-z.]+", "-", word) for word in words if word)
    return name[-_LONGEST:].strip("-.")


def where_words() -> str:
    """The system and machine on which it was asked."""
    where = this_platform()
    return f"{where.system} {where.machine}"


def text(found: BisectionReport, command: str) -> Iterator[str]:
    """The answer for a terminal, line by line."""
    yield headline(found)
    for line in doubts(found):
        yield f"  {line}"
    yield from (f"  changed: {line}" for line in change_lines(changes(found)))
    yield f"  asked: {question(found)}"
    yield f"  {effort(found)}"
    yield f"  again: {command}"


def markdown(found: BisectionReport, command: str) -> Iterator[str]:
    """The answer for an issue, line by line."""
    yield f"**{escaped(headline(found))}**"
    yield ""
    yield from (f"- {escaped(line, MAX_TEXT_LENGTH)}" for line in doubts(found))
    yield from (
        f"- changed: {escaped(line, MAX_TEXT_LENGTH)}" for line in change_lines(changes(found))
    )
    yield f"- asked: {escaped(question(found))}"
    yield f"- {escaped(effort(found))}, on {escaped(where_words())}"
    yield from ("", "| version | seen |", "| --- | --- |")
    for each in found.bisection.assessments:
        yield f"| {escaped(each.version)} | {escaped(str(each))} |"
    yield from ("", "```sh", command, "```")


def as_json(found: BisectionReport, command: str) -> dict[str, object]:
    """The answer for programs."""
    asked, result = found.inquiry, found.bisection
    return {
        "schema_version": 1,
        "headline": headline(found),
        "client": asked.kind,
        "case": asked.at(asked.good).id,
        "judged_by": None if asked.when else asked.judged_by,
        "when": asked.when,
        "good": asked.good,
        "bad": asked.bad,
        "find_fix": found.fix,
        "versions": len(found.versions),
        "problem": result.problem,
        "named": result.named,
        "last_before": result.last_before,
        "first_after": result.first_after,
        "candidates": result.candidates,
        "monotonic": result.monotonic if result.problem is None else None,
        "contradictions": result.contradictions,
        "sampled": result.sampled,
        "changes": changes(found),
        "probed": [_probed(each) for each in result.assessments],
        "probes": result.probes,
        "checks": result.checks,
        "known": result.known,
        "sequential_test": {
            "error_rate": ERROR_RATE,
            "good_at_most": MAX_GOOD_FAILURE_RATE,
            "bad_from": MIN_BAD_FAILURE_RATE,
        },
        "command": command,
        "platform": this_platform(),
    }


def _probed(each: Assessment) -> dict[str, object]:
    return {
        "version": each.version,
        "verdict": each.word,
        "good": each.good,
        "bad": each.bad,
        "asked": each.asked,
        "reason": each.reason,
    }


def log_line(trial: Trial) -> str:
    """One line of the log, for a terminal."""
    seen = trial.observation
    status = "" if seen.status is None else f" {seen.status}"
    why = f" ({seen.detail})" if seen.detail else ""
    words = f"{trial.key.client}: {seen.outcome}{status}, {trial.key.case}{why}"
    return one_line(f"{trial.at:%Y-%m-%d %H:%M} {words}")
