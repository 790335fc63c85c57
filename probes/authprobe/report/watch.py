"""A check of new versions as text, and as Markdown for an issue."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from authprobe.core.escaping import MAX_TEXT_LENGTH, one_line
from authprobe.diff.model import Diff
from authprobe.diff.watch import ClientCheck, VersionCheck, Watch
from authprobe.report import diff as words
from authprobe.report.markdown.summary import escaped
from authprobe.report.model.phrases import plural

MAX_VERSIONS: Final = 10
"""Versions that a line names; the rest is a number."""
NOTHING_BEFORE: Final = "the first of its client: there is no version before it to compare with"


def headline(watch: Watch) -> str:
    """Return how many new versions were compared and how many broke something."""
    compared = [check for check in watch.checks if check.diff]
    broke = sum(check.broke for check in compared)
    incomplete = sum(not (check.broke or check.complete) for check in compared)
    parts = [f"{plural(len(compared), 'new version')} compared ({watch.scope})"]
    if compared:
        parts.append(f"{broke} broke something" if broke else "nothing broke")
    parts += [f"{incomplete} could not be tested completely"] if incomplete else []
    unknown = [client.client for client in watch.clients if client.problem]
    parts += [f"not known what is new: {', '.join(unknown)}"] if unknown else []
    return "; ".join(parts)


def client_lines(watch: Watch, client: ClientCheck) -> Iterator[str]:
    """Yield what is new of a client: one line, and more for what is out of the ordinary."""
    name, found = client.client, client.new_versions
    if found is None:
        yield f"{name}: {client.problem}; the next check asks again"
        yield from _ignored(client)
        return
    if found.checked_at is None:
        count = plural(len(found.known), "other version")
        yield (
            f"{name}: first check: only the newest, {found.published[-1]}, is compared; "
            f"{count} recorded as known"
        )
    elif not found.new:
        newest = found.published[-1]
        yield f"{name}: nothing new (last check {_time(found.checked_at)}); the newest is {newest}"
    else:
        count = plural(len(found.new), "new version")
        yield f"{name}: {count} (last check {_time(found.checked_at)}): {_names(found.new)}"
    if len(found.new) > watch.at_most:
        few = f"the newest {watch.at_most} are" if watch.at_most > 1 else "the newest is"
        yield f"  only {few} compared (--at-most {watch.at_most})"
    if client.waiting:
        yield f"  left to the next check: {_names(client.waiting)}"
    if found.prereleases and not found.is_first:
        yield f"  not compared: {plural(len(found.prereleases), 'prerelease')}: " + _names(
            found.prereleases
        )
    if found.withdrawn:
        yield f"  withdrawn since: {_names(found.withdrawn)}"
    yield from _ignored(client)


def _ignored(client: ClientCheck) -> Iterator[str]:
    if client.ignored:
        count = plural(len(client.ignored), "published version")
        yield f"  ignored, as no exact version that can be installed: {count}: " + _names(
            client.ignored
        )


def _time(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _names(versions: Iterable[str]) -> str:
    """Return the newest of these versions, and the number of the others."""
    names = list(versions)
    others = len(names) - MAX_VERSIONS
    start = [f"{others} more"] if others > 0 else []
    return ", ".join([*start, *names[-MAX_VERSIONS:]])


def text(watch: Watch) -> Iterator[str]:
    """Yield the check for a terminal, line by line."""
    yield one_line(headline(watch), MAX_TEXT_LENGTH)
    for client in watch.clients:
        for line in client_lines(watch, client):
            yield f"{_indent(line)}{one_line(line.strip(), MAX_TEXT_LENGTH)}"
    yield from _comparisons(watch, words.text, one_line)


def markdown(watch: Watch) -> Iterator[str]:
    """Yield the check for an issue, line by line."""
    yield f"**{escaped(headline(watch), MAX_TEXT_LENGTH)}**"
    yield ""
    for client in watch.clients:
        for line in client_lines(watch, client):
            yield f"{_indent(line)}- {escaped(line.strip(), MAX_TEXT_LENGTH)}"
    yield from _comparisons(watch, words.markdown, escaped)


def _indent(line: str) -> str:
    return "  " if line.startswith("  ") else ""


def _comparisons(
    watch: Watch,
    lines: Callable[[Diff, str | None], Iterator[str]],
    escape: Callable[[str, int], str],
) -> Iterator[str]:
    for client in watch.clients:
        for check in client.checks:
            yield ""
            if check.diff is None:
                yield escape(f"{client.client} {check.version}: {NOTHING_BEFORE}", MAX_TEXT_LENGTH)
                continue
            yield from lines(check.diff, check.command)
            if spanned := _spanned(check):
                yield from ("", escape(spanned, MAX_TEXT_LENGTH))


def _spanned(check: VersionCheck) -> str:
    if not check.spanned:
        return ""
    which = ": bisect finds which of them broke it" if check.broke else ""
    return f"this comparison also covers {_names(check.spanned)}{which}"
