"""The command line: options and help; the work is in `commands/`."""

import gc
import sys
from pathlib import Path

import click

import probes
from probes.errors import ExitCode, ProbesError


class Group(click.Group):
    """Prints our own troubles in one line each, with the exit code that stands for them."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ProbesError as error:
            click.echo(str(error), err=True)
            ctx.exit(ExitCode.USAGE)


@click.group(
    cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(probes.__version__, message="authprobe %(version)s")
def main() -> None:
    """What each Claude client does with each credential, seen by running it.

    \b
    Examples:
      authprobe run                                  every bundled scenario, report in reports/
      authprobe run -k oauth                         the cases whose id has this word
      authprobe run --client claude-code@2.1.50      the same questions to another version
      authprobe run my-scenarios/ --out my-reports   scenarios of your own
    """


@main.command()
@click.argument("scenarios", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "expression", metavar="EXPR", help="Only cases whose id fits, as in pytest.")
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME[@VERSION]",
    help="Only this client; with a version, that version in the place of those in the scenarios.",
)
@click.option("--case", "cases", multiple=True, metavar="ID", help="Only this case.")
@click.option("--list", "only_list", is_flag=True, help="Print the ids of the cases; probe none.")
@click.option("--target", default="emulator", show_default=True, metavar="emulator|live")
@click.option("--jobs", type=int, metavar="N", help="Clients at once.  [default: processors]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="Results of an accepted run to compare with.",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
@click.option("--break-rule", "break_rules", multiple=True, hidden=True)
def run(**options: object) -> None:
    """Probe every case of SCENARIOS (files or folders; the bundled ones by default) and report.

    Writes report.html, results.json, junit.xml and summary.md. Clients are installed into a cache
    on their first use; everything else happens on this machine's loopback.

    \b
    Exit code: 0 every case as expected, 1 some not, 2 interrupted, 4 bad scenario or option,
    5 no case selected, 10 a report held a token and was not written.

    \b
    Examples:
      authprobe run
      authprobe run scenarios/oauth-direct.yaml
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


@main.command()
def schema() -> None:
    """Print the JSON Schema of a scenario file.

    \b
    Example:
      authprobe schema > scenario.schema.json
    """
    from probes.scenario.schema import dump_schema

    click.echo(dump_schema(), nl=False)
