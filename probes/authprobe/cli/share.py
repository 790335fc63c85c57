"""TODO module docstring."""

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
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it there.")
def share(names: tuple[str, ...], results: Path, out: Path | None) -> None:
    """Print cases of the last run as one Markdown text for an issue.

    CASE is an id, or a pattern in quotes; without one, what is not as expected, the worst first.
    It tells what maintainers ask for, and which one thing matters by other cases of the run. Names,
    addresses, ids, homes and this machine's name are replaced; it fits into an issue on GitHub.

    \b
    Exit code: 0 printed or written, 4 no such case or no results, 10 it would have held a token.

    \b
    Examples:
      authprobe share
      authprobe share "cli-login/*" --out issue.md
      authprobe share --results my-reports/results.json | gh issue create --body-file -
    """
    from authprobe.commands.share import share as command

    sys.exit(command(names, results=results, out=out))
