"""Options and help of `authprobe run`."""

import gc
import sys

import click

from authprobe.cli.options import run_options
from authprobe.options import SCENARIOS, OptionTexts


@click.command()
@click.argument("scenarios", nargs=-1, type=click.Path())
@click.option("-k", "expression", metavar="EXPR", help="Only cases whose id or tags fit.")
@run_options
@click.option("--list", "only_list", is_flag=True, help="Print the ids of the cases; probe none.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def run(
    texts: OptionTexts,
    scenarios: tuple[str, ...],
    expression: str | None,
    only_list: bool,
    as_json: bool,
) -> None:
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

    if not only_list:
        prestart()
    # What the imports make stays until the end: looking through it for garbage is time lost.
    gc.disable()
    from authprobe.commands.run import run as command
    from authprobe.settings import parse_settings

    gc.freeze()
    gc.enable()
    settings = parse_settings({**texts, SCENARIOS.name: scenarios})
    sys.exit(command(settings, expression, only_list=only_list, as_json=as_json))
