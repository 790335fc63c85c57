"""Options and help of `authprobe bisect`."""

import sys
from pathlib import Path

import click

from authprobe.cli.completers import known_cases, versions
from authprobe.cli.options import as_json, as_markdown, executor, from_log, log_directory, scenarios
from authprobe.core.executors import ExecutorAddress


@click.command()
@click.argument("case", required=False, shell_complete=known_cases)
@click.option(
    "--good",
    metavar="VERSION",
    shell_complete=versions,
    help="A version in which CASE passes.",
)
@click.option(
    "--bad",
    metavar="VERSION",
    shell_complete=versions,
    help="A version in which CASE fails.",
)
@click.option(
    "--find-fix", is_flag=True, help="Find the version that fixed CASE; --bad is the older version."
)
@click.option(
    "--when",
    metavar="FIELD",
    help="Compare FIELD, such as betas, exit_code, exchange.host or message, instead of the "
    "verdict: a version is good if FIELD has the same value as at --good.",
)
@scenarios
@log_directory
@executor
@from_log
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
    executor: ExecutorAddress | None,
    from_log: bool,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Find the published version of a client in which CASE breaks.

    CASE is a case id; its version is ignored. Both bounds are probed first.
    Versions that cannot be tested, hang or crash are skipped and never blamed.
    With --log and without CASE, lists the probe log.

    \b
    Exit codes:
      0   the version was found, or the log listed
      1   not decided, or several changes contradict each other
      2   interrupted
      4   invalid option, case or version
      10  the output would contain a credential and was not printed

    \b
    Examples:
      authprobe bisect cli-login/claude-code/default/expired \\
          --good 2.1.31 --bad 2.1.330
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
        executor=executor,
        from_log=from_log,
        as_json=as_json,
        as_markdown=as_markdown,
    )
    sys.exit(command(options))
