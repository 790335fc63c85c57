"""Options and help of `authprobe report`."""

import sys
from pathlib import Path

import click

from authprobe.cli.completers import FILE, choices, recorded_cases
from authprobe.cli.options import results_argument


@click.command()
@results_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help="Write the reports to this directory.  [default: that of RESULTS]",
)
@click.option(
    "--history",
    metavar="PATH|URL|none",
    shell_complete=choices("none", paths=FILE),
    help="Read earlier runs, for the timelines, from this history file or PostgreSQL database.  "
    "[default: $AUTHPROBE_HISTORY, else history.db beside RESULTS]",
)
@click.option(
    "--har",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help="Also write the requests of each case to this directory, as an HTTP Archive (HAR 1.2).",
)
@click.option(
    "--case",
    "cases",
    multiple=True,
    metavar="ID",
    shell_complete=recorded_cases,
    help="With --har: write only the requests of this case; repeatable.",
)
def report(
    results: Path, out: Path | None, history: str | None, har: Path | None, cases: tuple[str, ...]
) -> None:
    """Write the reports of a finished run again; probe nothing.

    RESULTS is the results.json of a run; reports/results.json by default.
    Writes report.html, summary.md, junit.xml and ctrf.json.

    \b
    Exit codes:
      0   written
      4   invalid option or file
      10  a report would contain a credential; no report was written

    \b
    Examples:
      authprobe report
      authprobe report ci-artifacts/results.json --out my-reports
      authprobe report results.json --history none
      authprobe report --har requests
    """
    from authprobe.commands.report import report as command

    sys.exit(command(results, out=out, history=history, har=har, cases=cases))
