"""Options and help of `authprobe observe`."""

import sys
from pathlib import Path

import click

from authprobe.cli.options import as_json


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--show",
    is_flag=True,
    help="Also print the new wordings that FILES leave out, from the drift.json beside them.",
)
@click.option(
    "--approve",
    is_flag=True,
    help="Ask, for each of them that has nothing but plain words, whether it may be in FILES.",
)
@as_json
def observe(files: tuple[Path, ...], show: bool, approve: bool, as_json: bool) -> None:
    """Check an observation of drift before it is shared.

    Checks form, rules, day, credentials and personal data of each observation.json,
    prints it whole, and names the file for the pull request. Sends nothing.

    \b
    Exit codes:
      0   every file can be given back
      4   a file that cannot, or an invalid option
      10  a file with what looks like a credential; it is not printed

    \b
    Examples:
      authprobe observe reports/observation.json
      authprobe observe reports/observation.json --approve
    """
    if as_json and approve:
        raise click.UsageError("--json and --approve exclude each other; give only one")
    from authprobe.commands.observe import observe as command

    sys.exit(command(files, shows_new=show or approve, approves=approve, as_json=as_json))
