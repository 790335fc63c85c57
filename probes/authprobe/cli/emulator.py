"""Options and help of `authprobe emulator`."""

import datetime
import sys
from pathlib import Path

import click

PORT = click.IntRange(0, 65535)


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--rules", is_flag=True, help="Print every rule and fault with its source, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --rules: print Markdown.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", type=PORT, default=0, help="HTTP and proxy.  [default: a free one]")
@click.option("--https-port", type=PORT, default=0, help="HTTPS.  [default: a free one]")
@click.option("--control-port", type=PORT, default=0, help="Control.  [default: a free one]")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The backend's day, YYYY-MM-DD.")
@click.option("--standing", default="active", show_default=True, help="Of organisation and plan.")
@click.option("--counts-as-claude-code", is_flag=True, help="Take subscription tokens as its own.")
@click.option("--fault", multiple=True, metavar="NAME", help="Something that goes wrong.")
@click.option("--issue", multiple=True, metavar="KIND", help="Issue a token, as a variable.")
@click.option("--env-file", type=click.Path(path_type=Path), help="Write the variables here too.")
@click.option("--base-url/--no-base-url", default=True, help="Set ANTHROPIC_BASE_URL as well.")
@click.option("--quiet", is_flag=True, help="No line for each request.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def emulator(
    rules: bool,
    as_json: bool,
    as_markdown: bool,
    host: str,
    port: int,
    https_port: int,
    control_port: int,
    date: datetime.datetime | None,
    standing: str,
    counts_as_claude_code: bool,
    fault: tuple[str, ...],
    issue: tuple[str, ...],
    env_file: Path | None,
    base_url: bool,
    quiet: bool,
    command: tuple[str, ...],
) -> None:
    """Serve the emulated backend on loopback, for the tests of other projects.

    Prints the variables by which programs find it, then a line on stderr for each request. With
    COMMAND it serves only while that runs, with those variables and none of your credentials.

    \b
    Exit code: 0 ended by Ctrl-C, 4 a bad option or a port that is taken; else that of COMMAND.

    \b
    Examples:
      authprobe emulator --issue api-key -- python my_app.py
      authprobe emulator --issue access-token --counts-as-claude-code --no-base-url -- claude -p hi
      authprobe emulator --port 8080 --fault A30
      authprobe emulator --rules
    """
    from authprobe.commands import emulator as commands

    if rules:
        sys.exit(commands.list_rules(as_json=as_json, as_markdown=as_markdown))
    options = commands.EmulatorOptions(
        host=host,
        port=port,
        https_port=https_port,
        control_port=control_port,
        date=date.date() if date else None,
        standing=standing,
        counts_as_claude_code=counts_as_claude_code,
        faults=fault,
        token_kinds=issue,
        env_file=env_file,
        sets_base_url=base_url,
        quiet=quiet,
        as_json=as_json,
        command=command,
    )
    sys.exit(commands.emulator(options))
