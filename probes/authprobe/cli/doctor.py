"""TODO module docstring."""

import sys

import click


@click.command()
@click.option("--online", is_flag=True, help="Ask the documented hosts too, with made-up tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(online: bool, as_json: bool) -> None:
    """Look at this machine: what is installed, which credential wins, and what is wrong.

    Reads the environment, settings and stored logins, and prints kinds, places and ages, never a
    value. It runs no program, writes nothing, refreshes nothing, and sends nothing unless asked.

    \b
    Exit code: 0 nothing worse than something to know, 1 an error or a warning, 4 a bad option.

    \b
    Examples:
      authprobe doctor
      authprobe doctor --online
      authprobe doctor --json | jq '.wins'
      authprobe doctor --json | jq -r '.results[] | select(.severity == "error") | .summary'
    """
    from authprobe.commands.doctor import doctor as command

    sys.exit(command(online=online, as_json=as_json))
