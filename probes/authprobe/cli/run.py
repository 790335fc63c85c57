"""Options and help of `authprobe run`."""

import gc
import sys

import click

from authprobe.cli.configured import print_file_options
from authprobe.cli.options import run_options, scenario_paths
from authprobe.options import SCENARIOS, OptionTexts


@click.command()
@click.argument("scenarios", nargs=-1, type=click.Path(), shell_complete=scenario_paths)
@click.option(
    "-k",
    "expression",
    metavar="EXPR",
    help="Probe only cases whose id or tags match EXPR, as with pytest -k.",
)
@run_options
@click.option("--list", "only_list", is_flag=True, help="Print the case ids; probe nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the result.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Print every case and every change, and shorten no list."
)
def run(
    texts: OptionTexts,
    scenarios: tuple[str, ...],
    expression: str | None,
    only_list: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Probe every case of the scenarios and report the verdicts.

    SCENARIOS are files or directories, `incidents` for the bundled incidents, or
    `clients` for the bundled scenarios of other programs. Without them, the
    bundled scenarios are probed: those of the suite `standard`, or all, without
    these two folders, if -k, --client or --case selects some.

    Writes report.html, results.json, junit.xml, ctrf.json and summary.md.
    Clients are downloaded into a cache when first used; without --target and
    --traces, every other connection stays on the loopback interface of this
    machine.

    With --target live, the real service is asked, with your own secrets, what
    scenarios with `live` say. You see the plan first (hosts, number of requests,
    highest cost) and have to agree. With --target both, the emulator is asked
    the same. Without SCENARIOS, these are the bundled ones for the real service.

    \b
    Reasons to fail, for --fail-on:
      failed      a case differs from its expectation, or a known failure is
                  out of date
      regressed   a case fails that passed in the baseline, or fails unlike
                  its known failure
      changed     a case differs from the baseline, for better or worse
      absent      a case of the baseline no longer exists
      findings    a client misbehaves in a way the scenario does not expect
      untestable  a case could not be tested here
      flaky       a case failed, and passed when it was probed again
      never       nothing: exit with 0 whatever the cases show

    \b
    Exit codes:
      0   no reason to fail
      1   a reason to fail, such as a failed case
      2   interrupted
      4   invalid scenario, option or file
      5   no case selected
      6   nothing failed, but a case could not be tested
      10  a report would contain a credential and was not written
      12  nothing failed, but the real service could not be asked, or a secret
          for it is missing

    \b
    Examples:
      authprobe run
      authprobe run --suite smoke
      authprobe run --suite full
      authprobe run scenarios/oauth-direct.yaml
      authprobe run incidents
      authprobe run clients
      authprobe run -k "login and expired" --client claude-code@2.1.112
      authprobe run --target live -k api-key
      authprobe run mine.yaml --target both
      authprobe run --json | jq '.cases[].verdict.status'
    """
    from authprobe.emulator.server.worker import prestart

    if not only_list:
        prestart()
    # Objects of the imports live until the end: collecting garbage among them wastes time.
    gc.disable()
    from authprobe.commands.run import run as command
    from authprobe.settings import parse_settings

    gc.freeze()
    gc.enable()
    settings = parse_settings({**texts, SCENARIOS.name: scenarios})
    print_file_options()
    sys.exit(command(settings, expression, only_list=only_list, as_json=as_json, verbose=verbose))
