"""Options and help of `authprobe explain`."""

import contextlib
import gc
import sys
from collections.abc import Iterator

import click

from authprobe.cli.completers import FILE, choices


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE|-]...", shell_complete=choices(paths=FILE))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--interactive",
    is_flag=True,
    help="Ask at most three questions that decide between the first causes.",
)
@click.option("--causes", "list_causes", is_flag=True, help="Print every known cause, and exit.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --causes, print Markdown.")
def explain(
    files: tuple[str, ...],
    as_json: bool,
    interactive: bool,
    list_causes: bool,
    as_markdown: bool,
) -> None:
    """Name the cause of an error in a log, issue or results.json.

    Reads FILE or standard input: an error message, a log, an exception, a web
    page, an issue, or the results of a run. To paste text, press Ctrl-D after
    it. Tokens and e-mail addresses are redacted first; nothing is sent anywhere.

    Several texts of one incident are read together. Each is recognised by its
    content: settings and the stored login of Claude Code, variables as `env`
    prints them, `authprobe doctor --json`, `claude auth status`, an HTTP
    archive, a results.json; everything else is text.

    \b
    Exit codes:
      0   a cause was found
      1   the text is not enough to name a cause
      2   interrupted
      4   invalid option, a file that cannot be read, or no terminal to ask on

    \b
    Examples:
      authprobe explain error.log
      claude -p ping 2>&1 | authprobe explain
      authprobe doctor --json | authprobe explain error.log settings.json -
      authprobe explain --interactive error.log
      authprobe explain --json issue.md | jq -r '.causes[0].id'
      authprobe explain reports/results.json
      authprobe explain --causes
    """
    with _no_garbage_collection():
        from authprobe.commands import explain as commands

        if list_causes:
            sys.exit(commands.print_causes(as_markdown=as_markdown))
        sys.exit(commands.explain(files, as_json=as_json, is_interactive=interactive))


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect no garbage: the words of a text live until the end, and looking at them takes time.

    It comes back, as the command can run in a program of others.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
