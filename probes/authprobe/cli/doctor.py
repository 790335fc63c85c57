"""Options and help of `authprobe doctor`."""

import sys

import click


@click.command()
@click.option(
    "--online",
    is_flag=True,
    help="Also send a request with a made-up token to each documented host.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(online: bool, as_json: bool) -> None:
    """Check this machine's clients, logins and settings for problems.

    Prints which credential each client uses, and the kind, location and age of
    every credential, never its value. Runs no program, writes nothing,
    refreshes nothing, and sends nothing without --online.

    \b
    Exit codes:
      0   no errors or warnings
      1   at least one error or warning
      4   invalid option

    \b
    Examples:
      authprobe doctor
      authprobe doctor --online
      authprobe doctor --json | jq '.wins'
      authprobe doctor --json | jq '.results[] | select(.severity == "error")'
    """
    from authprobe.commands.doctor import doctor as command

    sys.exit(command(online=online, as_json=as_json))
