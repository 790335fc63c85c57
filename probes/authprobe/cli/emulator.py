"""Options and help of `authprobe emulator`."""

import datetime
import sys
from pathlib import Path
from typing import Final

import click

from authprobe.cli.completers import FILE, choices, words
from authprobe.cli.emulator_checks import (
    check_alone,
    check_combination,
    check_isolation,
    check_report,
)
from authprobe.cli.values import Day, Number

PORT: Final = Number(0, 65535)
FREE: Final = "a free one"


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--rules", is_flag=True, help="Print every rule and fault with its source, and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --rules, print Markdown.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on: loopback, unless --listen-beyond-loopback is given.",
)
@click.option(
    "--listen-beyond-loopback",
    is_flag=True,
    help="Let --host be an address that other machines reach; every request needs an access token.",
)
@click.option(
    "--access-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Answer only requests with the token in FILE, in the base URL or as the password of the "
    "proxy.  [default: AUTHPROBE_ACCESS_TOKEN, or none]",
)
@click.option(
    "--control-token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use the token in FILE for the control API.  [default: AUTHPROBE_CONTROL_TOKEN, or a "
    "new one]",
)
@click.option(
    "--public-name",
    metavar="HOST",
    help="Host by which programs know the emulator, such as the name of its container.",
)
@click.option(
    "--port",
    type=PORT,
    default=0,
    metavar="PORT",
    show_default=FREE,
    help="Port of HTTP and proxy.",
)
@click.option(
    "--https-port", type=PORT, default=0, metavar="PORT", show_default=FREE, help="Port of HTTPS."
)
@click.option(
    "--control-port",
    type=PORT,
    default=0,
    metavar="PORT",
    show_default=FREE,
    help="Port of the control API.",
)
@click.option(
    "--date",
    type=Day(),
    metavar="YYYY-MM-DD",
    help="Answer as the service did on this day.  [default: today]",
)
@click.option(
    "--standing",
    default="active",
    show_default=True,
    metavar="STATE",
    shell_complete=words("standings"),
    help="State of the organisation and plan, such as credit-exhausted.",
)
@click.option(
    "--counts-as-claude-code",
    is_flag=True,
    help="Treat requests with a subscription token as sent by Claude Code.",
)
@click.option(
    "--follows-prompts",
    is_flag=True,
    help="Let the model call the tools that a prompt names.",
)
@click.option(
    "--fault",
    multiple=True,
    metavar="NAME",
    shell_complete=words("faults"),
    help="Arm a fault by name or rule id; repeatable.",
)
@click.option(
    "--issue",
    multiple=True,
    metavar="KIND[:STATE[:VARIABLE[:FORM]]]",
    shell_complete=words("credentials"),
    help="Issue a token of this kind and print its variable, or put a login into the home of "
    "COMMAND; repeatable.",
)
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the variables to this file while serving.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the certificate authority to this file while serving.",
)
@click.option(
    "--base-url/--no-base-url", default=True, show_default=True, help="Set ANTHROPIC_BASE_URL too."
)
@click.option(
    "--any-user", is_flag=True, help="Answer programs of other users of this machine too."
)
@click.option(
    "--share-home", "share_home", is_flag=True, help="Show COMMAND your home directory, read-only."
)
@click.option(
    "--no-isolation",
    "no_isolation",
    is_flag=True,
    help="Run COMMAND in place: it can change your files, your login included, and connect to "
    "other machines.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a report of COMMAND, with all that it requested, to this directory.",
)
@click.option(
    "--expect",
    metavar="OUTCOME",
    shell_complete=words("outcomes"),
    help="With --report, judge COMMAND: accepted, rejected, throttled and so on.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --report, compare COMMAND with this baseline or results file.",
)
@click.option("--quiet", is_flag=True, help="Do not log requests.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, shell_complete=choices(paths=FILE))
def emulator(
    rules: bool,
    as_json: bool,
    as_markdown: bool,
    host: str,
    listen_beyond_loopback: bool,
    access_token_file: Path | None,
    control_token_file: Path | None,
    public_name: str | None,
    ca_file: Path | None,
    port: int,
    https_port: int,
    control_port: int,
    date: datetime.datetime | None,
    standing: str,
    counts_as_claude_code: bool,
    follows_prompts: bool,
    fault: tuple[str, ...],
    issue: tuple[str, ...],
    env_file: Path | None,
    base_url: bool,
    any_user: bool,
    share_home: bool,
    no_isolation: bool,
    report: Path | None,
    expect: str | None,
    baseline: Path | None,
    quiet: bool,
    command: tuple[str, ...],
) -> None:
    """Serve the emulated backend to other programs, on loopback.

    With --listen-beyond-loopback, it also serves other machines and containers,
    which need its access token.

    Prints the variables that programs need, then logs each request on stderr.
    With COMMAND, serves only while it runs, with these variables set and your
    own credentials removed from its environment. COMMAND is sealed where the
    system allows it: it has a private home and no network but the emulator, and
    of your files it sees the working directory and its own program.

    With --report, COMMAND gets the record and the reports of a case, as
    `authprobe run` writes them. With --expect, it is judged as well: by its
    exit code and by the answer to its last request.

    A credential is issued as KIND[:STATE[:VARIABLE[:FORM]]]; what is left out
    is as usual: api-key, api-key:expired, access-token:revoked:MY_TOKEN,
    api-key::MY_KEY:line-break. A login is a file in the private home of
    COMMAND: login, login:expired, login:used.

    \b
    Exit codes:
      0   stopped by Ctrl-C, without COMMAND
      4   invalid option, a port that is in use, or a report that cannot be
          written: COMMAND is not started
      10  with --report: the report would contain a credential
      otherwise the exit code of COMMAND, as in a shell: 128 and the number
      of the signal that ended it, 126 or 127 if it could not be started

    \b
    Exit codes with --expect, in place of that of COMMAND:
      0   the outcome is the expected one
      1   it is another one
      2   COMMAND was interrupted
      6   COMMAND could not be tested: it was not started, or made no request

    \b
    Examples:
      authprobe emulator --issue api-key -- python my_app.py
      authprobe emulator --issue access-token --counts-as-claude-code \\
          --no-base-url -- claude -p hi
      authprobe emulator --report out --issue api-key:expired \\
          --expect rejected -- python my_app.py
      authprobe emulator --issue login:expired --no-base-url \\
          --counts-as-claude-code --report out -- claude -p hi
      authprobe emulator --port 8080 --fault A30
      authprobe emulator --rules
    """
    from authprobe.commands import emulator as commands
    from authprobe.commands.emulator_options import EmulatorOptions

    check_combination(rules=rules, as_json=as_json, as_markdown=as_markdown, command=command)
    check_report(report=report, expect=expect, baseline=baseline, command=command)
    check_alone(
        {
            "--listen-beyond-loopback": listen_beyond_loopback,
            "--access-token-file": access_token_file,
            "--control-token-file": control_token_file,
            "--public-name": public_name,
            "--ca-file": ca_file,
        },
        command=command,
    )
    check_isolation(share_home=share_home, no_isolation=no_isolation, command=command)
    if rules:
        sys.exit(commands.print_rule_list(as_json=as_json, as_markdown=as_markdown))
    options = EmulatorOptions(
        host=host,
        port=port,
        https_port=https_port,
        control_port=control_port,
        date=date.date() if date else None,
        standing=standing,
        counts_as_claude_code=counts_as_claude_code,
        follows_prompts=follows_prompts,
        faults=fault,
        issue=issue,
        any_user=any_user,
        env_file=env_file,
        sets_base_url=base_url,
        quiet=quiet,
        as_json=as_json,
        is_isolated=not no_isolation,
        shares_home=share_home,
        command=command,
        exposes=listen_beyond_loopback,
        access_token_file=access_token_file,
        control_token_file=control_token_file,
        public_name=public_name,
        ca_file=ca_file,
        report=report,
        expected=expect,
        baseline=baseline,
    )
    sys.exit(commands.emulator(options))
