"""Options and help of `authprobe diff`."""

import sys
from pathlib import Path

import click

from authprobe.cli.completers import clients_or_results, known_cases
from authprobe.cli.configured import print_file_options
from authprobe.cli.options import (
    as_json,
    as_markdown,
    executor,
    expression,
    from_log,
    jobs,
    log_directory,
    looks,
    scenarios,
    suite,
)
from authprobe.core.executors import ExecutorAddress


@click.command()
@click.argument("before", shell_complete=clients_or_results)
@click.argument("after", shell_complete=clients_or_results)
@click.argument("names", nargs=-1, metavar="[CASE]...", shell_complete=known_cases)
@scenarios
@suite
@expression
@log_directory
@looks
@jobs
@executor
@from_log
@as_json
@as_markdown
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a page as well, with the requests side by side.",
)
def diff(
    before: str,
    after: str,
    names: tuple[str, ...],
    scenarios: tuple[Path, ...],
    suite: str | None,
    expression: str | None,
    out: Path,
    looks: int,
    jobs: int | None,
    executor: ExecutorAddress | None,
    from_log: bool,
    as_json: bool,
    as_markdown: bool,
    html: Path | None,
) -> None:
    """Tell what an upgrade breaks, or what differs between two runs.

    BEFORE and AFTER are two versions of one client, or two results.json files.
    CASE is a case id or a pattern in quotes, whose version is ignored; by
    default every bundled case of the client.

    Says of each case, whatever its version, that it broke, was fixed, changed
    or is the same: by its verdict, outcome, message, requests, stored login and
    findings. Only differences that every probe shows count.

    \b
    Exit codes:
      0   nothing broke
      1   something broke
      2   interrupted
      4   invalid option, case, version or file
      6   nothing broke, but a case could not be compared
      10  the output would contain a credential and was not printed

    \b
    Examples:
      authprobe diff claude-code@2.1.112 claude-code@latest
      authprobe diff claude-code@2.1.31 claude-code@2.1.332 -k "not slow"
      authprobe diff claude-code@2.1.122 claude-code@2.1.123 "versions/*/no-betas"
      authprobe diff anthropic-python@0.97.0 anthropic-python@latest --markdown
      authprobe diff last-week/results.json reports/results.json --html diff.html
    """
    from authprobe.commands.diff import DiffOptions
    from authprobe.commands.diff import diff as command

    print_file_options()
    options = DiffOptions(
        before=before,
        after=after,
        names=names,
        scenarios=scenarios,
        suite=suite,
        expression=expression,
        out=out,
        looks=looks,
        jobs=jobs,
        executor=executor,
        from_log=from_log,
        as_json=as_json,
        as_markdown=as_markdown,
        html=html,
    )
    sys.exit(command(options))
