"""TODO module docstring."""

import sys
from pathlib import Path

import click

from authprobe.cli.options import as_json, as_markdown, log_directory, scenarios


@click.command()
@click.argument("case", required=False)
@click.option("--good", metavar="VERSION", help="A version in which all is well.")
@click.option("--bad", metavar="VERSION", help="A version in which it is not.")
@click.option("--find-fix", is_flag=True, help="The bad version is the older one: find the fix.")
@click.option(
    "--when",
    metavar="FIELD",
    help="Good is what has the same FIELD as --good: betas, exit_code, exchange.host, message, ...",
)
@scenarios
@log_directory
@click.option(
    "--log", "from_log", is_flag=True, help="Probe nothing: answer by the log, or show it."
)
@as_json
@as_markdown
def bisect(
    case: str | None,
    good: str | None,
    bad: str | None,
    find_fix: bool,
    when: str | None,
    scenarios: tuple[Path, ...],
    out: Path,
    from_log: bool,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Find the version in which CASE breaks, among all that are published.

    CASE is the id of a case; the version in it is left aside. Both bounds are probed first. A
    version that cannot be tested, hangs or crashes is stepped around, and is never blamed.

    \b
    Exit code: 0 answered, 1 not decided or not monotonic, 2 interrupted, 4 a bad case or option,
    10 the answer held a token and was not printed.

    \b
    Examples:
      authprobe bisect cli-login/claude-code@latest/default/expired --good 2.1.31 --bad 2.1.330
      authprobe bisect CASE --good 2.1.330 --bad 2.1.31 --find-fix
      authprobe bisect CASE --good 1.0.30 --bad 2.1.330 --when betas --markdown
      authprobe bisect --log
    """
    from authprobe.commands.bisect import BisectOptions
    from authprobe.commands.bisect import bisect as command

    options = BisectOptions(
        case=case,
        good=good,
        bad=bad,
        find_fix=find_fix,
        when=when,
        scenarios=scenarios,
        out=out,
        from_log=from_log,
        as_json=as_json,
        as_markdown=as_markdown,
    )
    sys.exit(command(options))
