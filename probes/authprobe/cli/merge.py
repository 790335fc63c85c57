"""Options and help of `authprobe merge`."""

import sys
from pathlib import Path

import click

from authprobe.cli.configured import print_file_options
from authprobe.cli.options import options_of
from authprobe.options import BASELINE, FAIL_ON, HISTORY, KNOWN_FAILURES, OUT, OptionTexts


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, metavar="SHARD...", type=click.Path(path_type=Path)
)
@options_of(OUT, BASELINE, KNOWN_FAILURES, HISTORY, FAIL_ON)
@click.option(
    "--allow-missing",
    "allows_missing",
    is_flag=True,
    help="Merge what is there if shards are missing; the run then counts as interrupted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the result.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Print every case and every change, and shorten no list."
)
def merge(
    texts: OptionTexts,
    folders: tuple[Path, ...],
    allows_missing: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Merge the shards of a run into one run with one report.

    SHARD is the directory of `authprobe run --shard I/N`, or its results.json.
    The shards have to be all those of one run, each once: of the same scenarios,
    options, version of authprobe and operating system.

    The verdicts are those of the shards, so give them the same baseline and
    known failures. What depends on all cases is judged here: which are absent,
    which known failures are out of date, and whether there is a reason to fail.

    \b
    Exit codes:
      0   no reason to fail
      1   a reason to fail, such as a failed case
      2   a shard was interrupted, or is missing
      4   invalid option or file, or not the shards of one run
      6   nothing failed, but a case could not be tested
      10  a report would contain a credential and was not written

    \b
    Examples:
      authprobe merge shard-1 shard-2 shard-3
      authprobe merge shards/* --out reports --fail-on regressed,absent
      authprobe merge shards/* --allow-missing --history none
    """
    from authprobe.commands.merge import merge as command
    from authprobe.settings import parse_settings

    settings = parse_settings(texts)
    print_file_options()
    code = command(
        folders,
        settings,
        fail_on=settings.fail_on if texts.get(FAIL_ON.name) else None,
        allows_missing=allows_missing,
        as_json=as_json,
        verbose=verbose,
    )
    sys.exit(code)
