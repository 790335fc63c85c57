"""Options and help of `authprobe badge`."""

import sys
from pathlib import Path

import click

from authprobe.cli.options import results_argument


@click.command()
@results_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the badge to this file.  [default: standard output]",
)
@click.option(
    "--label",
    metavar="TEXT",
    default="authprobe",
    show_default=True,
    help="Text on the left.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Write the JSON of a shields.io endpoint instead."
)
def badge(results: Path, out: Path | None, label: str, as_json: bool) -> None:
    """Make a badge of a run, as SVG.

    RESULTS is the results.json of a run; reports/results.json by default. The
    badge shows the number of cases of each status and the day of the run. Make
    a new one every day: that of a run older than 30 days is grey, whatever the
    result.

    \b
    Exit codes:
      0   written
      4   invalid option or file
      10  the badge would contain a credential and was not written

    \b
    Examples:
      authprobe badge --out badge.svg
      authprobe badge ci/results.json --label "Claude login" > badge.svg
      authprobe badge --json --out badge.json
    """
    from authprobe.commands.badge import badge as command

    sys.exit(command(results, out=out, label=label, as_json=as_json))
