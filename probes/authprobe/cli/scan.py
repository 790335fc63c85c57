"""Options and help of `authprobe scan`."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line for each credential."
)
def scan(files: tuple[Path, ...], as_json: bool) -> None:
    """Search files for credentials, however they are encoded.

    FILES may be directories, which are searched recursively, and - is standard
    input. Undoes escapes, base64, hex, UTF-16, wrapped lines, gzip, bzip2, xz and zip.
    Prints where each credential is, never its value.

    \b
    Exit codes:
      0   no credential found
      4   a file that cannot be read
      10  a credential, or a file too large or damaged to be searched

    \b
    Examples:
      authprobe scan reports/
      authprobe scan debug.log ~/Downloads/report.html.gz
      claude --debug -p hi 2>&1 | authprobe scan -
    """
    from authprobe.commands.scan import scan as command

    sys.exit(command(files, as_json=as_json))
