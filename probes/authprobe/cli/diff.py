"""Options and help of `authprobe diff`."""

import sys
from pathlib import Path

import click

from authprobe.cli.options import as_json, as_markdown, from_log, jobs, log_directory, scenarios


@click.command()
@click.argument("before")
@click.argument("after")
@click.argument("names", nargs=-1, metavar="[CASE]...")
@scenarios
@log_directory
@click.option(
    "--looks",
    type=click.IntRange(1, 10),
    metavar="N",
    default=2,
    show_default=True,
    help="Probes per version for a differing case; only stable differences are reported.",
)
@jobs
@from_log
@as_json
@as_markdown
def diff(
    before: str,
    after: str,
    names: tuple[str, ...],
    scenarios: tuple[Path, ...],
    out: Path,
    looks: int,
    jobs: int | None,
    from_log: bool,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Compare a client's behaviour at two versions, or two runs.

    BEFORE and AFTER are two versions of one client, or two results.json files.
    CASE is a case id or a pattern in quotes, whose version is ignored; by
    default the cases that `authprobe versions` probes for the client or, if
    there are none, all of its cases.

    Compares outcomes, requests, hosts, credentials, beta flags, retries and
    their order, and the credentials file that the client leaves.

    \b
    Exit codes:
      0   no difference
      1   a difference, or a case that could not be compared
      2   interrupted
      4   invalid option, case, version or file
      10  the output would contain a credential and was not printed

    \b
    Examples:
      authprobe diff claude-code@2.1.31 claude-code@2.1.330
      authprobe diff claude-code@2.1.122 claude-code@2.1.123 "versions/*/no-betas"
      authprobe diff anthropic-python@0.97.0 anthropic-python@latest --markdown
      authprobe diff last-week/results.json reports/results.json
    """
    from authprobe.commands.diff import DiffOptions
    from authprobe.commands.diff import diff as command

    options = DiffOptions(
        before=before,
        after=after,
        names=names,
        scenarios=scenarios,
        out=out,
        looks=looks,
        jobs=jobs,
        from_log=from_log,
        as_json=as_json,
        as_markdown=as_markdown,
    )
    sys.exit(command(options))
