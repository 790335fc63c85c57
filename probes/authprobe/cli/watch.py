"""Options and help of `authprobe watch`."""

import sys
from pathlib import Path

import click

from authprobe.cli.completers import words
from authprobe.cli.configured import print_file_options
from authprobe.cli.options import (
    as_json,
    as_markdown,
    executor,
    expression,
    jobs,
    looks,
    scenarios,
    suite,
)
from authprobe.cli.values import Number
from authprobe.core.executors import ExecutorAddress


@click.command()
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME",
    shell_complete=words("clients"),
    help="Client to watch; repeatable.  [default: claude-code and the SDKs]",
)
@suite
@scenarios
@expression
@click.option(
    "--at-most",
    type=Number(1, 100),
    metavar="N",
    default=3,
    show_default=True,
    help="Compare at most the N newest of many new versions of a client.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    metavar="DIRECTORY",
    help="Directory of watch.json and of the probe log, trials.jsonl.",
)
@looks
@jobs
@executor
@as_json
@as_markdown
def watch(
    clients: tuple[str, ...],
    suite: str | None,
    scenarios: tuple[Path, ...],
    expression: str | None,
    at_most: int,
    out: Path,
    looks: int,
    jobs: int | None,
    executor: ExecutorAddress | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Tell what the new versions of the clients broke.

    Asks the package registries what was published since the last check, probes
    the cases at each new version and at the one before it, and tells what broke,
    as `authprobe diff` does. Meant for cron and nightly jobs. The cases are those
    of the suite `standard`, unless --suite or --scenarios name others.

    watch.json in --out has the versions that were dealt with. The first check of
    a client compares only its newest version. Prereleases are not compared. What
    could not be tested is tried again by the next check.

    \b
    Exit codes:
      0   nothing is new, or nothing broke
      1   something broke
      2   interrupted; the next check continues
      4   invalid option, client or file
      6   nothing broke, but something could not be tested, or a registry did
          not answer
      10  the output would contain a credential and was not printed

    \b
    Examples:
      authprobe watch
      authprobe watch --client claude-code --suite smoke
      authprobe watch --scenarios auth/ -k "not slow" --out watch
      authprobe watch --at-most 10 --markdown > issue.md
    """
    from authprobe.commands.watch import WatchOptions
    from authprobe.commands.watch import watch as command

    print_file_options()
    options = WatchOptions(
        clients=clients,
        suite=suite,
        scenarios=scenarios,
        expression=expression,
        at_most=at_most,
        out=out,
        looks=looks,
        jobs=jobs,
        executor=executor,
        as_json=as_json,
        as_markdown=as_markdown,
    )
    sys.exit(command(options))
