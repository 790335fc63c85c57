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

    from authprobe.emulator.server.worker import prestart

    if not options["only_list"]:
        prestart()
    # What the imports make stays until the end: looking through it for garbage is time lost.
    gc.disable()
    from authprobe.commands.run import run as command

    gc.freeze()
    gc.enable()
    sys.exit(command(**options))  # type: ignore[arg-type]
