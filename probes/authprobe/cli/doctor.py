"""Options and help of `authprobe doctor`."""

import sys

import click

from authprobe.cli.values import OneOf

CLOUDS = ("bedrock", "foundry", "anthropic-aws", "anthropic-google-cloud", "mantle", "vertex")
"""Names of `authprobe.doctor.inventory.clouds.Cloud`, which would slow the start of the help."""


@click.command()
@click.option(
    "--online",
    is_flag=True,
    help="Also send a request with a made-up token to each documented host.",
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="URL",
    help="Do not warn of this gateway: it is used on purpose. Repeatable.",
)
@click.option(
    "--cloud",
    "clouds",
    multiple=True,
    type=OneOf(CLOUDS),
    help="Do not warn of this cloud: it is used on purpose. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(online: bool, gateways: tuple[str, ...], clouds: tuple[str, ...], as_json: bool) -> None:
    """Check this machine's clients, logins and settings.

    Prints first which credential each client uses and why, and the kind,
    location and age of every credential, never its value. Runs no program,
    writes nothing, refreshes nothing, and sends nothing without --online.

    \b
    Gateways and clouds that are used on purpose can be declared for always, in
    authprobe.toml of the project or of the user's configuration folder:
      [doctor]
      gateways = ["https://gateway.example"]
      clouds = ["bedrock"]

    \b
    Exit codes:
      0   no errors or warnings
      1   at least one error or warning
      4   invalid option, or an invalid authprobe.toml

    \b
    Examples:
      authprobe doctor
      authprobe doctor --online
      authprobe doctor --gateway https://gateway.example --cloud bedrock
      authprobe doctor --json | jq '.wins'
      authprobe doctor --json | jq '.results[] | select(.severity == "error")'
    """
    from authprobe.commands.doctor import doctor as command

    sys.exit(command(online=online, as_json=as_json, gateways=gateways, clouds=clouds))
