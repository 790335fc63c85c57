"""Options and help of the commands that find causes and credentials."""

import sys

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
