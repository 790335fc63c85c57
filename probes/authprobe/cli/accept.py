"""Options and help of `authprobe accept`."""

import sys
from pathlib import Path

import click

from authprobe.cli.completers import recorded_cases


@click.command()
@click.argument("names", nargs=-1, metavar="[CASE]...", shell_complete=recorded_cases)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("reports/results.json"),
    show_default=True,
    metavar="FILE",
    help="Results of the run to accept.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=Path("reports/baseline.json"),
    show_default=True,
    metavar="FILE",
    help="Baseline to update.",
)
@click.option("--note", metavar="TEXT", help="Reason, stored with each accepted case.")
@click.option(
    "--partial", is_flag=True, help="Accept the cases that could be tested; skip the others."
)
@click.option(
    "--known",
    metavar="TEXT",
    help="Record the failures of CASE as known ones instead, for this reason.",
)
@click.option("--until", metavar="DATE", help="Last day on which a known failure is excused.")
@click.option("--issue", metavar="URL", help="Issue about the known failure.")
@click.option(
    "--known-failures",
    type=click.Path(path_type=Path),
    default=Path("reports/known-failures.yaml"),
    show_default=True,
    metavar="FILE",
    help="File to which --known adds entries.",
)
def accept(
    names: tuple[str, ...],
    results: Path,
    baseline: Path,
    note: str | None,
    partial: bool,
    known: str | None,
    until: str | None,
    issue: str | None,
    known_failures: Path,
) -> None:
    """Make the results of the last run the baseline.

    CASE is a case id, or a pattern in quotes; by default every case. Later runs
    report each change from the baseline; commit the file to git. Accepting a
    complete run also removes the cases that no longer exist.

    An accepted failure still fails the next run. With --known, failures are not
    accepted but excused, until a date.

    \b
    Exit codes:
      0   accepted
      4   invalid option, case or file; nothing was accepted
      10  the baseline would contain a credential and was not written

    \b
    Examples:
      authprobe accept
      authprobe accept "cli-login/*" --note "refreshed since 2.1.330"
      authprobe accept "cli-login/*" --known "waits for 2.2" --until 2027-03-01
      authprobe accept --results old/results.json --baseline old/baseline.json
    """
    from authprobe.commands import excuse
    from authprobe.commands.accept import accept as command

    if (known, until, issue) != (None, None, None):
        reason = excuse.read_excuse(known, until, issue, names=names, note=note)
        sys.exit(excuse.excuse_failures(names, reason, results=results, path=known_failures))
    sys.exit(command(names, results=results, baseline=baseline, note=note, partial=partial))
