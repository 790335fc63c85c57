"""Command line of authprobe: options and help. The work is done in `commands/`."""

from typing import Final

import click

import authprobe
from authprobe.cli.group import CommandGroup, CommandModules

SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "Run clients and work with the results": (
        "init",
        "run",
        "merge",
        "report",
        "accept",
        "history",
        "share",
        "badge",
        "card",
    ),
    "Investigate an upgrade": ("diff", "watch", "bisect", "versions"),
    "Explain and diagnose": ("explain", "doctor", "drift", "observe"),
    "Test your own programs": ("emulator",),
    "Maintenance": ("config", "completion", "clients", "scan", "schema"),
}
"""Names of all commands, by their heading in the help."""


class MainGroup(CommandGroup):
    """The group of all commands, which its help lists by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of commands for each section, with the summaries in one column."""
        width = max(map(len, self.commands))
        limit = formatter.width - width - 6  # indentation and the space between the columns
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name.ljust(width), self.commands[name].get_short_help_str(limit))
                        for name in names
                    ]
                )


@click.group(
    cls=MainGroup,
    commands=CommandModules(name for names in SECTIONS.values() for name in names),
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
