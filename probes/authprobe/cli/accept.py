"""Options and help of the commands that work with the runs of the past."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1, metavar="[CASE]...")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("reports/results.json"),
    show_default=True,
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=Path("reports/baseline.json"),
    show_default=True,
)
@click.option("--note", help="Why; kept with each case that is accepted.")
@click.option("--partial", is_flag=True, help="Accept what could be tested, and leave the rest.")
def accept(
    names: tuple[str, ...], results: Path, baseline: Path, note: str | None, partial: bool
) -> None:
    """Make what the last run has seen the baseline: all of it, or these cases.

    CASE is an id, or a pattern in quotes. What is accepted is kept in reports/baseline.json, which
    belongs into git. Of a whole run, cases that are no more are taken out.

    \b
    Exit code: 0 accepted, 4 nothing was, 10 the file would have held a token.

    \b
    Examples:
      authprobe accept
      authprobe accept "cli-login/*" --note "refreshed since 2.1.330"
      authprobe accept --results my-reports/results.json --baseline my-reports/baseline.json
    """
    from authprobe.commands.accept import accept as command

    sys.exit(command(names, results=results, baseline=baseline, note=note, partial=partial))
