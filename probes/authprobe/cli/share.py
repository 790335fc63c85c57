"""Options and help of `authprobe share`."""

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
    help="Results of the run to share.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file instead."
)
def share(names: tuple[str, ...], results: Path, out: Path | None) -> None:
    """Print cases of the last run as Markdown for a GitHub issue.

    CASE is a case id, or a pattern in quotes; by default the cases that are not
    as expected, most severe first.

    The text contains what maintainers ask for, and cases of the same run that
    differ in one respect only, to isolate the cause. Names, addresses, account
    ids, home directories and the name of this machine are replaced.

    \b
    Exit codes:
      0   printed or written
      4   invalid option, case or file
      10  the text would contain a credential and was not printed or written

    \b
    Examples:
      authprobe share
      authprobe share "cli-login/*" --out issue.md
      authprobe share | gh issue create --title "Login fails" --body-file -
    """
    from authprobe.commands.share import share as command

    sys.exit(command(names, results=results, out=out))
