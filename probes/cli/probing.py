"""Options and help of the commands that run clients."""

import gc
import sys
from pathlib import Path

import click


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
    from probes.emulator.remote import start_early

    if not options["only_list"]:
        start_early()
    # What the imports make stays until the end: looking through it for garbage is time lost.
    gc.disable()
    from probes.commands.run import run as command

    gc.freeze()
    gc.enable()
    sys.exit(command(**options))  # type: ignore[arg-type]


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
@click.option(
    "--scenarios",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Files or folders with the case.  [default: the bundled ones]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Where the log is: trials.jsonl.",
)
@click.option(
    "--log", "from_log", is_flag=True, help="Probe nothing: answer by the log, or show it."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown for an issue.")
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
    from probes.commands.bisect import bisect as command

    sys.exit(command(case, **options))  # type: ignore[arg-type]
