"""Options and help of the commands that run clients."""

import gc
import sys
from pathlib import Path

import click

from authprobe.cli.group import Size


@click.command()
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "expression", metavar="EXPR", help="Only cases whose id or tags fit.")
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME[@VERSION]",
    help="Only this client; with a version or range, those in the place of the scenarios' own.",
)
@click.option("--case", "cases", multiple=True, metavar="ID", help="Only this case.")
@click.option("--list", "only_list", is_flag=True, help="Print the ids of the cases; probe none.")
@click.option("--target", default="emulator", show_default=True, metavar="emulator|live")
@click.option("--jobs", type=int, metavar="N", help="Clients at once.  [default: processors]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="Accepted cases, or results, to compare with.  [default: reports/baseline.json, if there]",
)
@click.option(
    "--known-failures",
    type=click.Path(path_type=Path),
    help="Failures that are excused.  [default: reports/known-failures.yaml, if there]",
)
@click.option(
    "--history",
    metavar="PATH|URL|none",
    help="Where runs are kept.  [default: AUTHPROBE_HISTORY, or history.db in --out]",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
@click.option("--break-rule", "break_rules", multiple=True, hidden=True)
def run(**options: object) -> None:
    """Probe every case of SCENARIOS (files or folders; the bundled ones by default) and report.

    Writes report.html, results.json, junit.xml, ctrf.json and summary.md. Clients are installed
    into a cache on their first use; everything else happens on this machine's loopback.

    `incidents` names the bundled scenarios of single incidents, which it leaves out by default.

    \b
    Exit code: 0 every case as expected, 1 some not, 2 interrupted, 4 bad scenario or option,
    5 no case selected, 10 a report held a token and was not written.

    \b
    Examples:
      authprobe run
      authprobe run scenarios/oauth-direct.yaml
      authprobe run incidents
      authprobe run -k "login and expired" --client claude-code@2.1.112
      authprobe run --json | jq '.cases[].verdict.status'
    """
    from authprobe.emulator.server.worker import start_early

    if not options["only_list"]:
        start_early()
    # What the imports make stays until the end: looking through it for garbage is time lost.
    gc.disable()
    from authprobe.commands.run import run as command

    gc.freeze()
    gc.enable()
    sys.exit(command(**options))  # type: ignore[arg-type]


_scenarios = click.option(
    "--scenarios",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Files or folders with the cases.  [default: the bundled ones]",
)
_log_folder = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Where the log is: trials.jsonl.",
)
_jobs = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Clients at once.  [default: processors]",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_as_markdown = click.option(
    "--markdown", "as_markdown", is_flag=True, help="Print Markdown for an issue."
)


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
@_scenarios
@_log_folder
@click.option(
    "--log", "from_log", is_flag=True, help="Probe nothing: answer by the log, or show it."
)
@_as_json
@_as_markdown
def bisect(case: str | None, **options: object) -> None:
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
    from authprobe.commands.bisect import bisect as command

    sys.exit(command(case, **options))  # type: ignore[arg-type]


@click.command()
@click.argument("before")
@click.argument("after")
@click.argument("names", nargs=-1, metavar="[CASE]...")
@_scenarios
@_log_folder
@click.option(
    "--looks",
    type=click.IntRange(1, 10),
    default=2,
    show_default=True,
    help="How many times a case that differs is probed at each: what differs each time counts.",
)
@_jobs
@click.option("--log", "from_log", is_flag=True, help="Probe nothing: compare what is known.")
@_as_json
@_as_markdown
def diff(**options: object) -> None:
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
    from authprobe.commands.diff import Options
    from authprobe.commands.diff import diff as command

    sys.exit(command(Options(**options)))  # type: ignore[arg-type]


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
@_scenarios
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The table that is added to; its page stands beside it.  [default: versions/ in --out]",
)
@_log_folder
@click.option(
    "--disk",
    "disk_bytes",
    type=Size(),
    default="3G",
    show_default=True,
    metavar="SIZE",
    help="What the installed versions may take; the oldest are removed first.",
)
@_jobs
@click.option("--log", "from_log", is_flag=True, help="Probe nothing: the table of what is known.")
@_as_json
@_as_markdown
def versions(**options: object) -> None:
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
    from authprobe.commands.versions import Options
    from authprobe.commands.versions import versions as command

    sys.exit(command(Options(**options)))  # type: ignore[arg-type]
