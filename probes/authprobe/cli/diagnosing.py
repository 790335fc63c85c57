"""Options and help of the commands that find causes and credentials."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--causes", "list_causes", is_flag=True, help="Print every cause, and end.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --causes: print Markdown.")
def explain(file: str | None, as_json: bool, list_causes: bool, as_markdown: bool) -> None:
    """Name the cause of an error, a log, a page, an exception, a whole issue, or a results.json.

    Reads FILE or standard input, so a text from the clipboard is pasted and ended with Ctrl-D.
    Tokens and addresses of people are taken out first; nothing is sent anywhere.

    \b
    Exit code: 0 a cause is named, 1 what is given says too little for one, 4 it cannot be read.

    \b
    Examples:
      authprobe explain error.log
      claude -p ping 2>&1 | authprobe explain
      authprobe explain --json issue.md | jq -r '.causes[0].id'
      authprobe explain reports/results.json
      authprobe explain --causes
    """
    from authprobe.commands import explain as commands

    if list_causes:
        sys.exit(commands.list_causes(as_markdown=as_markdown))
    sys.exit(commands.explain(file, as_json=as_json))


@click.command()
@click.option("--online", is_flag=True, help="Ask the documented hosts too, with made-up tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(online: bool, as_json: bool) -> None:
    """Look at this machine: what is installed, which credential wins, and what is wrong.

    Reads the environment, settings and stored logins, and prints kinds, places and ages, never a
    value. It runs no program, writes nothing, refreshes nothing, and sends nothing unless asked.

    \b
    Exit code: 0 nothing worse than something to know, 1 an error or a warning, 4 a bad option.

    \b
    Examples:
      authprobe doctor
      authprobe doctor --online
      authprobe doctor --json | jq '.wins'
      authprobe doctor --json | jq -r '.results[] | select(.severity == "error") | .summary'
    """
    from authprobe.commands.doctor import doctor as command

    sys.exit(command(online=online, as_json=as_json))


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each place.")
def scan(files: tuple[Path, ...], as_json: bool) -> None:
    """Look through FILES for credentials, in whatever way they are written.

    Folders are looked through with all that is below them, and - is the standard input. Escapes,
    base64, hex, UTF-16, wrapped lines, gzip and zip are undone. Prints the places, never a value.

    \b
    Exit code: 0 nothing found, 10 something found or too large or damaged to be looked through,
    4 a file that cannot be read.

    \b
    Examples:
      authprobe scan reports/
      authprobe scan debug.log ~/Downloads/report.html.gz
      claude --debug -p hi 2>&1 | authprobe scan -
    """
    from authprobe.commands.scan import scan as command

    sys.exit(command(files, as_json=as_json))
