"""Options and help of `authprobe report`."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument(
    "results",
    required=False,
    metavar="[RESULTS]",
    type=click.Path(path_type=Path),
    default=Path("reports/results.json"),
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to write to.  [default: the folder of RESULTS]",
)
@click.option(
    "--history",
    metavar="PATH|URL|none",
    help="Database with the earlier runs, for the timelines.  "
    "[default: AUTHPROBE_HISTORY, or history.db beside RESULTS]",
)
def report(results: Path, out: Path | None, history: str | None) -> None:
    """Write the reports of a run again, from its results file; nothing is probed.

    Writes report.html, summary.md, junit.xml and ctrf.json. RESULTS is the results.json of a run
    (default: reports/results.json). No file is written if one of them would contain a credential.

    \b
    Exit code: 0 written, 4 RESULTS cannot be read or DIR cannot be written,
    10 a report contained a credential.

    \b
    Examples:
      authprobe report
      authprobe report ci-artifacts/results.json --out my-reports
      authprobe report results.json --history none
    """
    from authprobe.commands.report import report as command

    sys.exit(command(results, out=out, history=history))
