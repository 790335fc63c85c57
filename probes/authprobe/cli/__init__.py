"""Command line of authprobe: options and help. The work is done in `commands/`."""

from typing import Final

import click

import authprobe
from authprobe.cli.accept import accept
from authprobe.cli.bisect import bisect
from authprobe.cli.clients import clients
from authprobe.cli.diff import diff
from authprobe.cli.doctor import doctor
from authprobe.cli.drift import drift
from authprobe.cli.emulator import emulator
from authprobe.cli.explain import explain
from authprobe.cli.group import CommandGroup
from authprobe.cli.history import history
from authprobe.cli.merge import merge
from authprobe.cli.observe import observe
from authprobe.cli.report import report
from authprobe.cli.run import run
from authprobe.cli.scan import scan
from authprobe.cli.schema import schema
from authprobe.cli.share import share
from authprobe.cli.versions import versions

SECTIONS: Final[dict[str, tuple[click.Command, ...]]] = {
    "Run clients and work with the results": (run, merge, report, accept, history, share),
    "Investigate an upgrade": (diff, bisect, versions),
    "Explain and diagnose": (explain, doctor, drift, observe),
    "Test your own programs": (emulator,),
    "Maintenance": (clients, scan, schema),
}
"""Every command, by its heading in the help."""


class MainGroup(CommandGroup):
    """The group of all commands, which its help lists by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of commands for each section, with the summaries in one column."""
        width = max(map(len, self.commands))
        limit = formatter.width - width - 6  # indentation and the space between the columns
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (str(command.name).ljust(width), command.get_short_help_str(limit))
                        for command in commands
                    ]
                )


@click.group(
    cls=MainGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(authprobe.__version__, message="authprobe %(version)s")
def main() -> None:
    """Run Claude clients against an emulated backend and report how they authenticate.

    \b
    Examples:
      authprobe run                                 probe the standard suite
      authprobe run -k oauth                        probe the cases about OAuth
      authprobe run --client claude-code@2.1.50     probe another version
      authprobe run my-scenarios/                   probe your own scenarios
      authprobe diff claude-code@2.1.8 claude-code@2.1.9
                                                    compare two versions
      authprobe bisect CASE --good 2.1.0 --bad 2.1.9
                                                    find where CASE broke
      authprobe explain error.log                   name the cause of an error
      authprobe doctor                              check your credentials
      authprobe emulator --issue api-key -- pytest  test against the emulator
    """


for _commands in SECTIONS.values():
    for _command in _commands:
        main.add_command(_command)
