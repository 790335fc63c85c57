"""TODO module docstring."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each place.")
def scan(files: tuple[Path, ...], as_json: bool) -> None:
    """Look through FILES for credentials, in whatever way they are written.

    Folders are looked through with all that is below them, and - is the standard input. Escapes,
    base64, hex, UTF-16, wrapped lines, gzip and zip are undone. Prints the places, never a value.

    \b
    Exit code: 0 nothing found, 10 something found or too large or damaged to be looked through,
    4 a file that cannot be read.

    \b
    Examples:
      authprobe scan reports/
      authprobe scan debug.log ~/Downloads/report.html.gz
      claude --debug -p hi 2>&1 | authprobe scan -
    """
    from authprobe.commands.scan import scan as command

    sys.exit(command(files, as_json=as_json))
