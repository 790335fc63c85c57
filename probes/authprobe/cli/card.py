"""Options and help of `authprobe card`."""

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
    help="Write the card to this file, as its ending says: .svg or .png.  "
    "[default: the SVG on standard output]",
)
def card(results: Path, out: Path | None) -> None:
    """Make a picture of a run for sharing, 1200 by 630 pixels.

    RESULTS is the results.json of a run; reports/results.json by default. The
    card shows the number of cases of each client by outcome: the clients with
    failures first, and in one row those for which there is no room.

    A PNG needs the extra `card`: pip install 'authprobe[card]'.

    \b
    Exit codes:
      0   written
      4   invalid option or file, or a PNG cannot be made here
      10  the card would contain a credential and was not written

    \b
    Examples:
      authprobe card --out card.png
      authprobe card ci/results.json > card.svg
    """
    from authprobe.commands.card import card as command

    sys.exit(command(results, out=out))
