"""The command line: options and help; the work is in `commands/`."""

import click

import authprobe
from authprobe.cli.accept import accept
from authprobe.cli.bisect import bisect
from authprobe.cli.clients import clients
from authprobe.cli.diff import diff
from authprobe.cli.doctor import doctor
from authprobe.cli.emulator import emulator
from authprobe.cli.explain import explain
from authprobe.cli.group import CommandGroup
from authprobe.cli.history import history
from authprobe.cli.report import report
from authprobe.cli.run import run
from authprobe.cli.scan import scan
from authprobe.cli.schema import schema
from authprobe.cli.share import share
from authprobe.cli.versions import versions


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(authprobe.__version__, message="authprobe %(version)s")
def main() -> None:
    """What each Claude client does with each credential, seen by running it.

    \b
    Examples:
      authprobe run                                  every bundled scenario, report in reports/
      authprobe run -k oauth                         the cases whose id has this word
      authprobe run --client claude-code@2.1.50      the same questions to another version
      authprobe run my-scenarios/ --out my-reports   scenarios of your own
      authprobe emulator --issue api-key -- pytest   your own tests against the emulated backend
      authprobe explain error.log                    the cause of an error, and what to do
      authprobe doctor                               which credential wins here, and what is wrong
      authprobe clients list                         what was installed for it
      authprobe accept                               the last run becomes the baseline
      authprobe history                              the runs of the past
      authprobe report                               the report again, from the results of a run
      authprobe share                                what failed, as the text of an issue
      authprobe bisect CASE --good 2.1.0 --bad 2.1.9 the version in which a case changed
      authprobe diff claude-code@2.1.8 claude-code@2.1.9   what it does otherwise on the wire
      authprobe versions                             since which version a client does what
      authprobe scan reports/ debug.log              whether files hold a credential
    """


for command in (
    run,
    bisect,
    diff,
    versions,
    accept,
    history,
    report,
    share,
    explain,
    doctor,
    emulator,
    clients,
    scan,
    schema,
):
    main.add_command(command)
