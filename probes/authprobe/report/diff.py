"""A comparison of two versions or runs as text, and as Markdown for an issue."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from authprobe.core.escaping import MAX_LINE_LENGTH, MAX_TEXT_LENGTH, for_shell, one_line, truncate
from authprobe.core.version_ranges import version_key
from authprobe.diff.judgement import Effect
from authprobe.diff.model import CaseDiff, Diff, Group
from authprobe.diff.observations import REQUESTED, SENT, Aspect, Change, common_prefix_length
from authprobe.report.markdown.summary import code, escaped
from authprobe.report.model.phrases import plural


def headline(diff: Diff) -> str:
    """Return how many questions broke, were fixed, changed and are the same, in one sentence."""
    counts = [f"{len(diff.having(effect)):,} {effect}" for effect in Effect]
    if diff.not_compared:
        counts.append(f"{len(diff.not_compared):,} not compared")
    compared = len(diff.cases) > len(diff.not_compared)
    return f"{diff.title}: {', '.join(counts) if compared else 'nothing could be compared'}"


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


TOLD_EFFECTS: Final = (Effect.BROKE, Effect.FIXED, Effect.CHANGED)
CONTEXT_LENGTH: Final = 40
"""Characters shown of the common beginning of two long texts."""
MAX_NAMES: Final = 20
"""Case ids listed for each side that has cases of its own."""
_WORDS: Final = {
    Aspect.FINDING: "finding ",
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
    """Return lines about the background, and cases that are on one side only or not compared."""
    lines = [*background_line(diff)]
    for names, side in ((diff.only_before, "before"), (diff.only_after, "after")):
        lines += [f"only {side}: {name}" for name in names[:MAX_NAMES]]
        if len(names) > MAX_NAMES:
            lines.append(f"only {side}: {len(names) - MAX_NAMES:,} more; list them with --json")
    lines += _not_compared(diff)
    return tuple(one_line(line, MAX_TEXT_LENGTH) for line in lines)


def _not_compared(diff: Diff) -> Iterator[str]:
    """Yield the questions that were not compared, those with the same reason on one line."""
    names: dict[str | None, list[str]] = {}
    for case in diff.not_compared:
        names.setdefault(case.reason, []).append(case.case)
    for reason, cases in names.items():
        if len(cases) == 1:
            yield f"not compared: {cases[0]}: {reason}"
            continue
        yield f"not compared: {plural(len(cases), 'question')}: {reason}: {', '.join(cases)}"


def background_line(diff: Diff) -> tuple[str, ...]:
    """Return the background as one line; none if there is nothing."""
    parts = "; ".join(background_parts(diff))
    return (f"in the background: {parts}",) if parts else ()


def background_parts(diff: Diff) -> Iterator[str]:
    """Yield flags, headers and requests that are new (+), gone (-) or both, by question (±)."""
    signs: dict[Aspect, dict[str, set[str]]] = {}
    for each in diff.background:
        subject = each.change.subject
        name = subject.partition(" in ")[0] if each.change.aspect is Aspect.BETAS else subject
        is_new = each.change.after in (SENT, REQUESTED)
        signs.setdefault(each.change.aspect, {}).setdefault(name, set()).add("+" if is_new else "-")
    for aspect, names in signs.items():
        if aspect is Aspect.HEADER:
            yield f"headers: {', '.join(names)}"
            continue
        listed = sorted((_sign(each), name) for name, each in names.items())
        yield f"{_PLURALS[aspect]}: {', '.join(f'{sign} {name}' for sign, name in listed)}"


_PLURALS: Final = {Aspect.BETAS: "betas", Aspect.REQUEST: "requests"}


def _sign(signs: set[str]) -> str:
    return signs.copy().pop() if len(signs) == 1 else "±"


def text(diff: Diff, command: str | None) -> Iterator[str]:
    """Yield the comparison for a terminal, line by line."""
    yield one_line(headline(diff), MAX_TEXT_LENGTH)
    if len(diff.clients) > 1:
        yield from (f"  {one_line(client)}" for client in diff.clients)
    for effect in TOLD_EFFECTS:
        for number, group in enumerate(diff.groups(effect)):
            yield from ("",) if number else ("", effect.upper())
            yield from map(one_line, case_names(group))
            yield from (f"  {effect}: {one_line(reason)}" for reason in group.reasons)
            yield from (f"  {line}" for line in group_lines(group))
            if search := bisect_command(diff, group.cases[0]):
                yield f"  find the release: {search}"
    yield ""
    yield from (*same_lines(diff), *rest(diff))
    if command:
        yield f"run again: {command}"


def case_names(group: Group) -> tuple[str, ...]:
    """Return the questions of a group, numbered if only some of them have a change."""
    names = [case.case for case in group.cases]
    if all(len(numbers) == len(names) for _, numbers in group.changes):
        return tuple(names)
    return tuple(f"({number}) {name}" for number, name in enumerate(names, start=1))


def bisect_command(diff: Diff, case: CaseDiff) -> str | None:
    """Return the command that finds the release in which a case broke; None if it did not."""
    if case.effect is not Effect.BROKE or diff.versions is None:
        return None
    good, bad = diff.versions
    words = ["authprobe", "bisect", case.case, "--good", good, "--bad", bad]
    words += ["--find-fix"] if version_key(bad) < version_key(good) else []
    if field := _broken_field(case):
        words += ["--when", field]
    return for_shell([*words, *(word for path in diff.scenarios for word in ("--scenarios", path))])


def _broken_field(case: CaseDiff) -> str | None:
    """Return the field that tells both sides apart; None: the expectation alone does."""
    subjects = {(change.aspect, change.subject) for change in case.changes}
    fields = {
        "outcome": (Aspect.OUTCOME, "outcome"),
        "stored_login": (Aspect.LOGIN, "state"),
        "message": (Aspect.OUTCOME, "message"),
    }
    if any(aspect is Aspect.FINDING for aspect, _ in subjects):
        fields.pop("message")
        fields["findings"] = next(x for x in subjects if x[0] is Aspect.FINDING)
    return next((field for field, subject in fields.items() if subject in subjects), None)


def group_lines(group: Group) -> tuple[str, ...]:
    """Return the changes of a group, each with the numbers of the questions that have it.

    What the reasons tell is left out.
    """
    changes_by_numbers: dict[tuple[int, ...], list[Change]] = {}
    for change, numbers in group.changes:
        if change.aspect is not Aspect.FINDING or not _is_told(change, group.reasons):
            changes_by_numbers.setdefault(numbers, []).append(change)
    return tuple(
        f"{_number_words(numbers, len(group.cases))}{line}"
        for numbers, changes in changes_by_numbers.items()
        for line in change_lines(changes)
    )


def _is_told(change: Change, reasons: Iterable[str]) -> bool:
    return any(reason.endswith(f": {change.subject}") for reason in reasons)


def _number_words(numbers: Sequence[int], total: int) -> str:
    """Return `(1-3, 5) `; nothing if all questions are meant."""
    if len(numbers) == total:
        return ""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return f"({', '.join('-'.join(map(str, ends)) for ends in ranges)}) "


def markdown(diff: Diff, command: str | None) -> Iterator[str]:
    """Yield the comparison for an issue, line by line."""
    yield f"**{escaped(headline(diff))}**"
    if len(diff.clients) > 1:
        yield from ("", *(f"- {escaped(client)}" for client in diff.clients))
    for effect in TOLD_EFFECTS:
        groups = diff.groups(effect)
        yield from ("", f"### {effect.capitalize()}") if groups else ()
        for group in groups:
            yield ""
            yield from (f"{code(name)}  " for name in case_names(group))
            yield ""
            yield from (f"- **{escaped(reason)}**" for reason in group.reasons)
            yield from (f"- {escaped(line, MAX_TEXT_LENGTH)}" for line in group_lines(group))
            if search := bisect_command(diff, group.cases[0]):
                yield f"- find the release: {code(search)}"
    lines = [*same_lines(diff), *rest(diff)]
    yield from ("", *(f"- {escaped(line, MAX_TEXT_LENGTH)}" for line in lines))
    if command:
        yield from ("", "```sh", command, "```")


def same_lines(diff: Diff) -> tuple[str, ...]:
    """Return the number of questions that are the same, as a line; none if there are none."""
    same = len(diff.having(Effect.SAME))
    return (f"same: {plural(same, 'question')}",) if same else ()
