"""Completion of the values of options and arguments: what click calls `shell_complete`.

The words are looked up when a value is completed, and not when a command starts.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from authprobe.core.client_kinds import ClientKind

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem[str]]"]

SCENARIO: Final = "scenario"
FILE: Final = "file"
LAST_RESULTS: Final = Path("reports/results.json")
"""Where a run writes its results, unless `--out` names another folder."""


def words(*names: str, paths: str = "") -> Completer:
    """Return a completer of the words in these lists of the package.

    With `paths`, it also completes paths of this kind.
    """

    def complete(
        context: click.Context, parameter: click.Parameter, typed: str
    ) -> "list[CompletionItem[str]]":
        from authprobe.commands.completion import bundled_words

        texts = {word: text for name in names for word, text in bundled_words(name).items()}
        return _items(texts, typed, paths)

    return complete


def choices(*texts: str, paths: str = "") -> Completer:
    """Return a completer of these words and, with `paths`, of paths of this kind."""
    return lambda context, parameter, typed: _items(texts, typed, paths)


def gates(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[CompletionItem[str]]":
    """Complete the last of several reasons to fail."""
    from authprobe.commands.completion import gate_words

    return _items(gate_words(typed), typed)


def clients(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[CompletionItem[str]]":
    """Complete `NAME` or `NAME@VERSION`."""
    from authprobe.commands.completion import client_words

    return _items(client_words(typed), typed)


def clients_or_results(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[CompletionItem[str]]":
    """Complete a client, or else the path of a file."""
    return clients(context, parameter, typed) or _items((), typed, FILE)


def versions(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[CompletionItem[str]]":
    """Complete a version of the client that the command line names, alone or in a case id."""
    from authprobe.commands.completion import version_words

    # click keeps arguments before an option without its value as unparsed.
    case = context.params.get("case") or next(iter(context.args), "")
    of_case = case.partition("/")[2].partition("/")[0].partition("@")[0]
    client = of_case or context.params.get("client") or ClientKind.CLAUDE_CODE
    return _items(version_words(client), typed)


def recorded_cases(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[CompletionItem[str]]":
    """Complete the id of a case of the run whose results the command reads."""
    from authprobe.commands.completion import recorded_cases as cases_of

    return _items(cases_of(Path(context.params["results"])), typed)


def known_cases(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[CompletionItem[str]]":
    """Complete the id of a case of the last run or, where none of them fits, of a bundled case."""
    from authprobe.commands.completion import bundled_words
    from authprobe.commands.completion import recorded_cases as cases_of

    return _items(cases_of(LAST_RESULTS), typed) or _items(bundled_words("cases"), typed)


def command_names(
    context: click.Context, parameter: click.Parameter, typed: str
) -> "list[CompletionItem[str]]":
    """Complete what `authprobe config` takes: a command, or one of the group that was typed."""
    from authprobe.configuration.keys import PYTEST

    before = context.params[str(parameter.name)] or ()
    command: click.Command | None = context.find_root().command
    for word in before:
        command = command.commands.get(word) if isinstance(command, click.Group) else None
    found = command.commands if isinstance(command, click.Group) else {}
    texts = {name: each.get_short_help_str() for name, each in found.items() if not each.hidden}
    return _items(texts if before else {**texts, PYTEST: "options that pytest has"}, typed)


def _items(
    texts: Iterable[str] | Mapping[str, str], typed: str, paths: str = ""
) -> "list[CompletionItem[str]]":
    """Return the words that begin with what was typed, and an item for paths."""
    from click.shell_completion import CompletionItem

    explanations = texts if isinstance(texts, Mapping) else dict.fromkeys(texts, "")
    items = [
        CompletionItem(word, help=text)
        for word, text in explanations.items()
        if word.startswith(typed)
    ]
    return [*items, CompletionItem(typed, type=paths)] if paths else items
