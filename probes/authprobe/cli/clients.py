"""Options and help of `authprobe clients`."""

import sys

import click

from authprobe.cli.group import CommandGroup, Size


@click.group(cls=CommandGroup)
def clients() -> None:
    """The clients in the cache: list them, install more, remove some.

    \b
    Examples:
      authprobe clients list
      authprobe clients install claude-code@latest "claude-code@each minor"
      authprobe clients prune --to 5G
    """


@clients.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, sizes in bytes.")
def list_(as_json: bool) -> None:
    """Print each client in the cache with its size and when it was last used.

    \b
    Examples:
      authprobe clients list
      authprobe clients list --json | jq .size_bytes
    """
    from authprobe.commands import clients as commands

    sys.exit(commands.list_clients(as_json=as_json))


@clients.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME[@VERSION|RANGE]...")
def install(names: tuple[str, ...]) -> None:
    """Install clients into the cache, so that a run needs no package registry.

    A range such as ">=2.1.0 <2.2" or 2.1.x means every published version in it, and "each minor"
    the newest of each.

    \b
    Exit code: 0 all are there, 1 some are not, 2 interrupted, 4 a bad name or range.

    \b
    Examples:
      authprobe clients install claude-code agent-sdk-python
      authprobe clients install claude-code@2.1.31
      authprobe clients install "claude-code@>=2.1.30 <2.1.35"
      authprobe clients install "claude-code@each minor >=1.0"
    """
    from authprobe.commands import clients as commands

    sys.exit(commands.install_clients(names))


@clients.command()
@click.option("--to", "to_bytes", type=Size(), metavar="SIZE", help="Until this much is left: 5G.")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Those that were not used for so long.",
)
@click.option("--all", "everything", is_flag=True, help="Every client.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def prune(to_bytes: int | None, older_than: float | None, everything: bool, dry_run: bool) -> None:
    """Remove clients from the cache, least recently used first, and none that a run is using.

    Without an option, until AUTHPROBE_CACHE_LIMIT is kept (20 GB).

    \b
    Exit code: 0 done, 1 something could not be removed, 2 interrupted, 4 a bad option.

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
