"""TODO module docstring."""

import sys
from pathlib import Path

import click

from authprobe.cli.options import as_json, as_markdown, jobs, log_directory, scenarios


@click.command()
@click.argument("before")
@click.argument("after")
@click.argument("names", nargs=-1, metavar="[CASE]...")
@scenarios
@log_directory
@click.option(
    "--looks",
    type=click.IntRange(1, 10),
    default=2,
    show_default=True,
    help="How many times a case that differs is probed at each: what differs each time counts.",
)
@jobs
@click.option("--log", "from_log", is_flag=True, help="Probe nothing: compare what is known.")
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
    """Show what a client does otherwise at another version, or what changed between two runs.

    BEFORE and AFTER are a client at two versions, or two results.json. Compared are how each case
    ends, its requests, hosts, credentials, beta flags, answers, retries and their order, and what
    is left in the credentials file. CASE is an id or a pattern in quotes, with any version;
    without one, what `authprobe versions` asks of this client, or else all of its cases.

    \b
    Exit code: 0 nothing differs, 1 something does or could not be compared, 2 interrupted,
    4 a bad case, version or option, 10 the answer held a token and was not printed.

    \b
    Examples:
      authprobe diff claude-code@2.1.31 claude-code@2.1.330
      authprobe diff claude-code@2.1.122 claude-code@2.1.123 "versions/*/no-betas" --markdown
      authprobe diff anthropic-python@0.97.0 anthropic-python@latest
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
