"""Options and help of `authprobe clients`."""

import sys
from pathlib import Path

import click

from authprobe.cli import completers
from authprobe.cli.group import CommandGroup
from authprobe.cli.values import Amount, Size

scenarios_of_definitions = click.option(
    "--scenarios",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    shell_complete=completers.choices(paths=completers.SCENARIO),
    help="Also the clients that this scenario file or directory defines; repeatable.",
)


@click.group(cls=CommandGroup)
def clients() -> None:
    """List, install or remove cached clients.

    \b
    Examples:
      authprobe clients list
      authprobe clients install claude-code@latest "claude-code@each minor"
      authprobe clients prune --to 5G
    """


@clients.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with sizes in bytes.")
def list_(as_json: bool) -> None:
    """List cached clients with size and last use.

    \b
    Exit codes:
      0   listed
      4   invalid option or AUTHPROBE_CACHE_LIMIT

    \b
    Examples:
      authprobe clients list
      authprobe clients list --json | jq .size_bytes
    """
    from authprobe.commands import clients as commands

    sys.exit(commands.list_clients(as_json=as_json))


@clients.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@scenarios_of_definitions
def known(as_json: bool, scenarios: tuple[Path, ...]) -> None:
    """List known clients with title and source.

    Those are the built-in ones, the definitions that the project's file of
    options (`clients` in authprobe.toml or pyproject.toml) and installed
    packages name, and with --scenarios those of these files.

    \b
    Exit codes:
      0   listed
      4   invalid scenario

    \b
    Examples:
      authprobe clients known
      authprobe clients known --scenarios bot.yaml
    """
    from authprobe.commands import clients as commands

    sys.exit(commands.known_clients(as_json=as_json, scenarios=scenarios))


@clients.command()
@click.argument(
    "names",
    nargs=-1,
    required=True,
    metavar="NAME[@VERSION|RANGE]...",
    shell_complete=completers.clients,
)
@scenarios_of_definitions
def install(names: tuple[str, ...], scenarios: tuple[Path, ...]) -> None:
    """Install clients into the cache, so that a run needs no network.

    A range, such as ">=2.1.0 <2.2" or 2.1.x, installs every published version
    in it; "each minor" installs the newest patch of each minor version.

    \b
    Exit codes:
      0   every client is installed
      1   at least one client could not be installed
      2   interrupted
      4   invalid name or range

    \b
    Examples:
      authprobe clients install claude-code agent-sdk-python
      authprobe clients install claude-code@2.1.31
      authprobe clients install "claude-code@>=2.1.30 <2.1.35"
      authprobe clients install "claude-code@each minor >=1.0"
      authprobe clients install bot@1.2 --scenarios bot.yaml
    """
    from authprobe.commands import clients as commands

    sys.exit(commands.install_clients(names, scenarios))


@clients.command()
@click.option(
    "--to",
    "to_bytes",
    type=Size(),
    metavar="SIZE",
    help="Remove clients until the cache is at most this large, such as 5G.",
)
@click.option(
    "--older-than",
    type=Amount(min=0),
    metavar="DAYS",
    help="Remove clients unused for DAYS days.",
)
@click.option("--all", "everything", is_flag=True, help="Remove every client.")
@click.option(
    "--dry-run", is_flag=True, help="Print the clients that would be removed; remove nothing."
)
def prune(to_bytes: int | None, older_than: float | None, everything: bool, dry_run: bool) -> None:
    """Remove cached clients, least recently used first.

    Never removes a client that a run is using. Without options, removes clients
    until the cache is within AUTHPROBE_CACHE_LIMIT (default: 20 GB).

    \b
    Exit codes:
      0   done
      1   at least one client could not be removed
      2   interrupted
      4   invalid option

    \b
    Examples:
      authprobe clients prune --to 5G
      authprobe clients prune --older-than 30 --dry-run
      authprobe clients prune --all
    """
    from authprobe.commands import clients as commands

    sys.exit(
        commands.prune_clients(
            to_bytes=to_bytes, older_than=older_than, everything=everything, dry_run=dry_run
        )
    )
