"""The result of a bisection as text, as Markdown for an issue, and as JSON."""

import re
from collections.abc import Iterator
from typing import Final

from authprobe.bisection.model import (
    ERROR_RATE,
    MAX_GOOD_FAILURE_RATE,
    MIN_BAD_FAILURE_RATE,
    BisectionAssessment,
    Classification,
)
from authprobe.bisection.runner import BisectionReport
from authprobe.core.escaping import MAX_TEXT_LENGTH, for_shell, one_line
from authprobe.diff.observations import Change, stable_changes
from authprobe.plan.case_ids import without_version
from authprobe.report.diff import change_lines
from authprobe.report.markdown.summary import escaped
from authprobe.report.model.phrases import plural
from authprobe.run.model import this_platform
from authprobe.trials.log import Trial

MAX_NAME_LENGTH: Final = 180
"""Characters of a file name before its ending: file systems take 255 bytes."""


def headline(report: BisectionReport) -> str:
    """Return the answer in one sentence."""
    question, result = report.question, report.bisection
    if result.problem:
        return f"Not decided: {result.problem}."
    before, after = ("bad", "good") if report.fix else ("good", "bad")
    if question.when:
        relation = "is again as" if report.fix else "is not as"
        change = f"the first version in which {question.when} {relation} in {question.good}"
        last = f"{result.last_before} is the last before it"
    else:
        change = f"the first {after} version"
        last = f"{result.last_before} is the last {before} one"
    if result.changed_in:
        return f"{question.kind} {result.changed_in} is {change}; {last}."
    candidates = plural(len(result.candidates), "version")
    return f"One of {candidates} of {question.kind} is {change}; {last}."


def doubts(report: BisectionReport) -> tuple[str, ...]:
    """Return the limits of the answer, a line each."""
    result = report.bisection
    lines = []
    if len(result.candidates) > 1:
        lines.append(f"candidates: {', '.join(result.candidates)}")
    if result.contradictions:
        versions = ", ".join(result.contradictions)
        lines.append(
            f"not monotonic: {versions} contradict a single change; there may be further changes"
        )
    for reason in dict.fromkeys(map(str, result.untestable)):
        versions = ", ".join(x.version for x in result.untestable if str(x) == reason)
        lines.append(f"{reason}: {versions}")
    lines += [f"{each.version}: {each}" for each in result.assessments if _is_settled(each)]
    if result.not_in_log:
        count = plural(len(result.not_in_log), "version")
        lines.append(f"not in the log: {count}, not probed because of --log")
    lines += [
        f"not checked {side}: none of the versions probed there could be tested"
        for side in _unchecked_sides(report)
    ]
    return tuple(one_line(line, MAX_TEXT_LENGTH) for line in lines)


def _unchecked_sides(report: BisectionReport) -> Iterator[str]:
    """Yield the sides of the change on which every version that was probed is untestable."""
    result = report.bisection
    if result.last_before is None or result.first_after is None:
        return
    index = {version: number for number, version in enumerate(report.versions)}
    low, high = index[result.last_before], index[result.first_after]
    sampled = [index[version] for version in result.sampled]
    untestable = [index[each.version] for each in result.untestable]
    sides = ((0, low, "before the change"), (high, len(index) - 1, "after the change"))
    for first, last, side in sides:
        if any(first < x < last for x in untestable) and not any(first < x < last for x in sampled):
            yield side


def _is_settled(each: BisectionAssessment) -> bool:
    """Return whether repeated probes disagreed, and a majority decided."""
    return each.flaky and each.classification is not Classification.UNTESTABLE


def changes(report: BisectionReport) -> tuple[Change, ...]:
    """Return the changes between the two neighbours that every pair of probes shows."""
    before = report.observations_of(report.bisection.last_before)
    after = report.observations_of(report.bisection.first_after)
    return stable_changes(before, after) if before and after else ()


def effort(report: BisectionReport) -> str:
    """Return the number of versions, and the number of probes by purpose."""
    result = report.bisection
    parts = (
        f"{plural(len(report.versions), 'version')} from {report.versions[0]} "
        f"to {report.versions[-1]}: {plural(result.probes, 'probe')} to find the change",
        f"{result.checks} to check it",
        f"{plural(result.logged, 'answer')} from the log",
    )
    return ", ".join(parts)


def rerun_command(report: BisectionReport, case: str, scenarios: tuple[str, ...]) -> str:
    """Return the command that asks the same question."""
    question = report.question
    words = ["authprobe", "bisect", case, "--good", question.good, "--bad", question.bad]
    words += ["--find-fix"] if report.fix else []
    words += ["--when", question.when] if question.when else []
    for path in scenarios:
        words += ["--scenarios", path]
    return for_shell(words)


def describe_question(report: BisectionReport) -> str:
    """Return what is compared at each version."""
    if report.question.when:
        return f"whether {report.question.when} is as in {report.question.good}"
    return f"the verdict against the expectation for {report.question.judged_by}"


def file_name(report: BisectionReport) -> str:
    """Return the name of its files, without the ending: the same question has the same name."""
    question = report.question
    parts = (
        without_version(question.at(question.good).id),
        question.when,
        "fix" if report.fix else None,
        report.versions[0],
        report.versions[-1],
    )
    name = "-".join(re.sub(r"[^0-9A-Za-z.]+", "-", part) for part in parts if part)
    return name[-MAX_NAME_LENGTH:].strip("-.")


def platform_words() -> str:
    """Return the system and machine on which it was probed."""
    platform = this_platform()
    return f"{platform.system} {platform.machine}"


def text(report: BisectionReport, command: str) -> Iterator[str]:
    """Yield the answer for a terminal, line by line."""
    yield headline(report)
    for line in doubts(report):
        yield f"  {line}"
    yield from (f"  changed: {line}" for line in change_lines(changes(report)))
    yield f"  compared: {describe_question(report)}"
    yield f"  {effort(report)}"
    yield f"  run again: {command}"


def markdown(report: BisectionReport, command: str) -> Iterator[str]:
    """Yield the answer for an issue, line by line."""
    yield f"**{escaped(headline(report))}**"
    yield ""
    yield from (f"- {escaped(line, MAX_TEXT_LENGTH)}" for line in doubts(report))
    for line in change_lines(changes(report)):
        yield f"- changed: {escaped(line, MAX_TEXT_LENGTH)}"
    yield f"- compared: {escaped(describe_question(report))}"
    yield f"- {escaped(effort(report))}, on {escaped(platform_words())}"
    yield from ("", "| version | result |", "| --- | --- |")
    for each in report.bisection.assessments:
        yield f"| {escaped(each.version)} | {escaped(str(each))} |"
    yield from ("", "```sh", command, "```")


def as_json(report: BisectionReport, command: str) -> dict[str, object]:
    """Return the answer for programs."""
    question, result = report.question, report.bisection
    return {
        "schema_version": 1,
        "headline": headline(report),
        "client": question.kind,
        "case": question.at(question.good).id,
        "judged_by": None if question.when else question.judged_by,
        "when": question.when,
        "good": question.good,
        "bad": question.bad,
        "find_fix": report.fix,
        "versions": len(report.versions),
        "problem": result.problem,
        "named": result.changed_in,
        "last_before": result.last_before,
        "first_after": result.first_after,
        "candidates": result.candidates,
        "monotonic": result.monotonic if result.problem is None else None,
        "contradictions": result.contradictions,
        "sampled": result.sampled,
        "changes": changes(report),
        "probed": [_probed(each) for each in result.assessments],
        "probes": result.probes,
        "checks": result.checks,
        "known": result.logged,
        "sequential_test": {
            "error_rate": ERROR_RATE,
            "good_at_most": MAX_GOOD_FAILURE_RATE,
            "bad_from": MIN_BAD_FAILURE_RATE,
        },
        "command": command,
        "platform": this_platform(),
    }


def _probed(each: BisectionAssessment) -> dict[str, object]:
    return {
        "version": each.version,
        "verdict": each.classification,
        "good": each.good,
        "bad": each.bad,
        "asked": each.answers,
        "reason": each.reason,
    }


def log_line(trial: Trial) -> str:
    """Return one line of the log for a terminal."""
    observation = trial.observation
    status = "" if observation.status is None else f" {observation.status}"
    reason = f" ({observation.detail})" if observation.detail else ""
    words = f"{trial.key.client}: {observation.outcome}{status}, {trial.key.case}{reason}"
    return one_line(f"{trial.at:%Y-%m-%d %H:%M} {words}")
