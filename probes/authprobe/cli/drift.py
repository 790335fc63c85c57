"""Options and help of `authprobe drift`."""

import sys
from pathlib import Path
from typing import Final

import click

from authprobe.cli.completers import words
from authprobe.cli.options import as_json
from authprobe.cli.values import Days, OneOf

CONTINENTS: Final = tuple(
    f"continent:{code}" for code in ("AF", "AN", "AS", "EU", "NA", "OC", "SA")
)


@click.command()
@click.argument("rows", nargs=-1, metavar="[ROW]...", shell_complete=words("rows", "rules"))
@click.option(
    "--key-env",
    "key_variable",
    metavar="NAME",
    help="Ask the rows that need an API key instead of the others, with the key in the variable "
    "NAME, after you have agreed.",
)
@click.option(
    "--yes", "is_agreed", is_flag=True, help="Agree beforehand to send the key, as in CI."
)
@click.option(
    "--undocumented", is_flag=True, help="Also ask L07, whose endpoint is not documented."
)
@click.option(
    "--confirm",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A drift.json at least 15 minutes old: a change counts only if it is in both.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    metavar="DIRECTORY",
    help="Directory of drift.html, drift.md, drift.json and observation.json.",
)
@click.option(
    "--older-than",
    type=Days(),
    metavar="DAYS",
    help="Only rows whose rule was last seen more than DAYS ago, such as 30d.",
)
@click.option(
    "--asked-from",
    metavar="CONTINENT",
    type=OneOf(CONTINENTS),
    help="Write the continent into observation.json: continent:AF, AN, AS, EU, NA, OC or SA.",
)
@click.option("--list", "list_only", is_flag=True, help="List the rows; ask nothing.")
@as_json
def drift(
    rows: tuple[str, ...],
    key_variable: str | None,
    is_agreed: bool,
    undocumented: bool,
    confirm: Path | None,
    out: Path,
    older_than: int | None,
    asked_from: str | None,
    list_only: bool,
    as_json: bool,
) -> None:
    """Compare the real service with the emulator.

    Sends at most 14 requests with made-up credentials to the documented hosts,
    one after the other, and asks the emulator the same. ROW is a row of --list
    such as L03, or a rule such as A02; all rows by default. An answer that only
    has other words has not changed. To start it is to agree; --list sends
    nothing.

    \b
    Exit codes:
      0   the same; other wordings and headers are only reported
      2   interrupted
      4   invalid option or file; nothing was asked
      5   with --older-than, no rule is older; nothing was asked
      10  the output would contain a credential and was not written
      11  at least one row changed, whatever the others are
      12  at least one row could not be asked, the key is missing, or a change
          was not confirmed; to leave out a host out of reach, name other rows

    \b
    Examples:
      authprobe drift
      authprobe drift L03 L08
      authprobe drift --confirm reports/drift.json
      authprobe drift --key-env MY_API_KEY
      authprobe drift --list --older-than 30d
      authprobe drift --json | jq '.rows[] | select(.kind != "same")'
    """
    from authprobe.commands.drift import DriftOptions
    from authprobe.commands.drift import drift as command
    from authprobe.drift.observation_file import REGIONS

    options = DriftOptions(
        rows=rows,
        key_variable=key_variable,
        out=out,
        as_json=as_json,
        list_only=list_only,
        undocumented=undocumented,
        confirm=confirm,
        is_agreed=is_agreed,
        older_than=older_than,
        asked_from=next((each for each in REGIONS if each == asked_from), None),
    )
    sys.exit(command(options))
