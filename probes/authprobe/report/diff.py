"""A comparison of two versions or runs as text, as Markdown for an issue, and as JSON."""

from collections.abc import Iterable, Iterator
from typing import Final

from authprobe.core.escaping import MAX_LINE_LENGTH, MAX_TEXT_LENGTH, one_line, truncate
from authprobe.diff.observations import SENT, Aspect, Change, common_prefix_length
from authprobe.diff.runs import CaseDiff, Diff
from authprobe.report.markdown.summary import code, escaped
from authprobe.report.model.phrases import plural


def headline(diff: Diff) -> str:
    """Return the number of cases that differ, in one sentence."""
    compared = len(diff.cases) - len(diff.not_compared)
    differ = "differs" if len(diff.changed) == 1 else "differ"
    result = f"{plural(len(diff.changed), 'case')} of {compared:,} {differ}"
    return f"{diff.before} → {diff.after}: {result if compared else 'nothing could be compared'}"


def change_lines(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return a line for each change; the flags of one request share a line."""
    lines: dict[str, list[str]] = {}
    for change in changes:
        if change.aspect is Aspect.BETAS:
            flag, _, request = change.subject.partition(" in ")
            sign = "+" if change.after == SENT else "-"
            lines.setdefault(f"betas of {request}: ", []).append(f"{sign} {flag}")
        else:
            lines[_describe(change)] = []
    return tuple(
        one_line(head + ", ".join(flags), MAX_TEXT_LENGTH) for head, flags in lines.items()
    )


CONTEXT_LENGTH: Final = 40
"""Characters shown of the common beginning of two long texts."""
MAX_NAMES: Final = 20
"""Case ids listed for each side that has cases of its own."""
_WORDS: Final = {
    Aspect.REQUEST: "request ",
    Aspect.HOST: "host of ",
    Aspect.CREDENTIAL: "credential in ",
    Aspect.ANSWER: "answers to ",
    Aspect.TIMES: "number of ",
    Aspect.RETRIES: "retries of ",
    Aspect.ORDER: "order of ",
    Aspect.LOGIN: "credentials file, ",
    Aspect.LEAKS: "left-over ",
}


def _describe(change: Change) -> str:
    words = _WORDS.get(change.aspect, "")
    before, after = _trim_common_start(change.before, change.after)
    before, after = truncate(before, MAX_LINE_LENGTH), truncate(after, MAX_LINE_LENGTH)
    return f"{words}{change.subject}: {before} → {after}"


def _trim_common_start(before: str, after: str) -> tuple[str, str]:
    """Return both texts, from shortly before they differ if they have a long common beginning."""
    same = common_prefix_length(before, after)
    if same < MAX_LINE_LENGTH:
        return before, after
    return f"…{before[same - CONTEXT_LENGTH :]}", f"…{after[same - CONTEXT_LENGTH :]}"


def rest(diff: Diff) -> tuple[str, ...]:
    """Return lines about cases that are alike, on one side only, or not compared."""
    alike_count = len(diff.cases) - len(diff.changed) - len(diff.not_compared)
    lines = [f"{plural(alike_count, 'case')} alike"] if alike_count else []
    for names, side in ((diff.only_before, "before"), (diff.only_after, "after")):
        lines += [f"only {side}: {name}" for name in names[:MAX_NAMES]]
        if len(names) > MAX_NAMES:
            lines.append(f"only {side}: {len(names) - MAX_NAMES:,} more; list them with --json")
    lines += [f"not compared: {case.case}: {case.reason}" for case in diff.not_compared]
    return tuple(one_line(line, MAX_TEXT_LENGTH) for line in lines)


def text(diff: Diff, command: str | None) -> Iterator[str]:
    """Yield the comparison for a terminal, line by line."""
    yield one_line(headline(diff), MAX_TEXT_LENGTH)
    yield from (f"  {one_line(client)}" for client in diff.clients)
    for cases, changes in diff.groups:
        yield ""
        yield from (one_line(f"{case.case}{_worse(case)}") for case in cases)
        yield from (f"  {line}" for line in change_lines(changes))
    yield from ("", *rest(diff))
    if command:
        yield f"run again: {command}"


def markdown(diff: Diff, command: str | None) -> Iterator[str]:
    """Yield the comparison for an issue, line by line."""
    yield f"**{escaped(headline(diff))}**"
    if diff.clients:
        yield from ("", *(f"- {escaped(client)}" for client in diff.clients))
    for cases, changes in diff.groups:
        yield ""
        yield from (f"{code(case.case)}{_worse(case)}  " for case in cases)
        yield ""
        yield from (f"- {escaped(line, MAX_TEXT_LENGTH)}" for line in change_lines(changes))
    yield from ("", *(f"- {escaped(line, MAX_TEXT_LENGTH)}" for line in rest(diff)))
    if command:
        yield from ("", "```sh", command, "```")


def as_json(diff: Diff, command: str | None) -> dict[str, object]:
    """Return the comparison for programs."""
    return {
        "schema_version": 1,
        "before": diff.before,
        "after": diff.after,
        "same": diff.same,
        "clients": diff.clients,
        "cases": [
            {
                "id": case.case,
                "worse": case.is_worse,
                "changes": case.changes,
                "reason": case.reason,
            }
            for case in diff.cases
        ],
        "only_before": diff.only_before,
        "only_after": diff.only_after,
        "command": command,
    }


def _worse(case: CaseDiff) -> str:
    return " (worse)" if case.is_worse else ""
