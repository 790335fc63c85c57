"""Options and help of `authprobe history`."""

import sys

import click

from authprobe.cli.completers import FILE, choices, known_cases


@click.command()
@click.argument("case", required=False, shell_complete=known_cases)
@click.option(
    "--history",
    metavar="PATH|URL",
    shell_complete=choices(paths=FILE),
    help="History file or PostgreSQL database.  [default: "
    "$AUTHPROBE_HISTORY, else reports/history.db]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def history(case: str | None, history: str | None, as_json: bool) -> None:
    """List the recorded runs, or the changes of one case over time.

    CASE is a case id. Its results begin with those of the version that it
    replaced. An id without the client's version shows the cases of all versions.

    \b
    Exit codes:
      0   printed
      4   no such case, or a history that is missing or cannot be read

    \b
    Examples:
      authprobe history
      authprobe history cli-login/claude-code@2.1.31/default/expired
      authprobe history cli-login/claude-code/default/expired
      authprobe history --history postgresql://host/authprobe --json
    """
    from authprobe.commands.history import history as command

    sys.exit(command(case, location=history, as_json=as_json))
