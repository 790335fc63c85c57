"""TODO module docstring."""

import sys

import click


@click.command()
@click.argument("case", required=False)
@click.option("--history", "place", metavar="PATH|URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def history(case: str | None, place: str | None, as_json: bool) -> None:
    """Print the runs that are kept, or when and how CASE has changed.

    \b
    Exit code: 0 printed, 4 there is no history, no such case, or a damaged database.

    \b
    Examples:
      authprobe history
      authprobe history cli-login/claude-code@2.1.31/default/expired
      authprobe history --history postgresql://host/authprobe --json
    """
    from authprobe.commands.history import history as command

    sys.exit(command(case, place=place, as_json=as_json))
