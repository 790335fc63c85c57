"""Options and help of `authprobe versions`."""

import sys
from pathlib import Path

import click

from authprobe.cli.completers import versions as known_versions
from authprobe.cli.completers import words
from authprobe.cli.options import (
    as_json,
    as_markdown,
    executor,
    from_log,
    jobs,
    log_directory,
    scenarios,
)
from authprobe.cli.values import Number, Size
from authprobe.core.executors import ExecutorAddress


@click.command()
@click.option(
    "--client",
    default="claude-code",
    show_default=True,
    metavar="NAME",
    shell_complete=words("clients"),
    help="Client to probe.",
)
@click.option(
    "--since",
    metavar="VERSION",
    shell_complete=known_versions,
    help="Oldest version to probe.  [default: the first]",
)
@click.option(
    "--until",
    metavar="VERSION",
    shell_complete=known_versions,
    help="Newest version to probe.  [default: the latest]",
)
@click.option(
    "--count",
    type=Number(min=1),
    metavar="N",
    default=60,
    show_default=True,
    help="Number of versions to sample evenly before bisecting each change.",
)
@click.option(
    "--looks",
    type=Number(1, 10),
    metavar="N",
    default=2,
    show_default=True,
    help="Probes per version on both sides of a change.",
)
@click.option(
    "--features",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Features to look for.  [default: the bundled features]",
)
@scenarios
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table to extend; its page is written beside it.  "
    "[default: versions/CLIENT.json in --out]",
)
@log_directory
@click.option(
    "--disk",
    "disk_bytes",
    type=Size(),
    default="3G",
    show_default=True,
    metavar="SIZE",
    help="Disk space for newly installed versions; the earliest are removed first.",
)
@jobs
@executor
@from_log
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
    executor: ExecutorAddress | None,
    from_log: bool,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Find the versions in which a client's features begin and end.

    Probes the cases of all features at many versions, newest first, until the
    exact version of each change is known. Writes a table as JSON, and a page
    with a timeline. Run the same command again to continue after an
    interruption, or to add the versions published since.

    \b
    Exit codes:
      0   done
      1   stopped early, because no version could be installed any more
      2   interrupted
      4   invalid option or file
      10  the table would contain a credential and was not written

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
        executor=executor,
        from_log=from_log,
        as_json=as_json,
        as_markdown=as_markdown,
    )
    sys.exit(command(options))
