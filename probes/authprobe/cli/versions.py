"""TODO module docstring."""

import sys
from pathlib import Path

import click

from authprobe.cli.group import Size
from authprobe.cli.options import as_json, as_markdown, jobs, log_directory, scenarios


@click.command()
@click.option("--client", default="claude-code", show_default=True, metavar="NAME")
@click.option("--since", metavar="VERSION", help="From this version on.  [default: the first]")
@click.option("--until", metavar="VERSION", help="Up to this version.  [default: the newest]")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="So many of them, evenly spread; then those that show where a change was.",
)
@click.option(
    "--looks",
    type=click.IntRange(1, 10),
    default=2,
    show_default=True,
    help="How many times a version beside a change is probed.",
)
@click.option(
    "--features",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What is asked.  [default: the bundled features]",
)
@scenarios
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The table that is added to; its page stands beside it.  [default: versions/ in --out]",
)
@log_directory
@click.option(
    "--disk",
    "disk_bytes",
    type=Size(),
    default="3G",
    show_default=True,
    metavar="SIZE",
    help="What the installed versions may take; the oldest are removed first.",
)
@jobs
@click.option("--log", "from_log", is_flag=True, help="Probe nothing: the table of what is known.")
@as_json
@as_markdown
def versions(
    client: str,
    since: str | None,
    until: str | None,
    count: int,
    looks: int,
    features: Path | None,
    scenarios: tuple[Path, ...],
    data: Path | None,
    out: Path,
    disk_bytes: int,
    jobs: int | None,
    from_log: bool,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Find since which version, and until which, a client does what.

    Runs the cases of all features at many versions, the newest first, until every change is known
    exactly. After Ctrl-C or a crash the same command goes on where it was, and a later one probes
    only what has been published since. Writes a table as JSON, and a page with a timeline.

    \b
    Exit code: 0 done, 1 nothing could be installed any more, 2 interrupted, 4 a bad option or file,
    10 the table held a token and was not written.

    \b
    Examples:
      authprobe versions
      authprobe versions --since 2.1.300 --count 100
      authprobe versions --client anthropic-python --markdown
      authprobe versions --features my-features.yaml --scenarios my-scenarios/
    """
    from authprobe.commands.versions import VersionsOptions
    from authprobe.commands.versions import versions as command

    options = VersionsOptions(
        client=client,
        since=since,
        until=until,
        count=count,
        looks=looks,
        features=features,
        scenarios=scenarios,
        data=data,
        out=out,
        disk_bytes=disk_bytes,
        jobs=jobs,
        from_log=from_log,
        as_json=as_json,
        as_markdown=as_markdown,
    )
    sys.exit(command(options))
