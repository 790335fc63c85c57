"""Options and help of `authprobe completion`."""

import re
import sys
from collections.abc import Iterator
from typing import Final

import click
from click.shell_completion import ShellComplete, split_arg_string

from authprobe.cli.values import OneOf

SHELLS: Final = ("bash", "zsh", "fish")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_END: Final = "_"
"""Appended to a line, so that its last word is the one to complete, even if it is empty."""


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("shell", metavar="|".join(SHELLS), type=OneOf(SHELLS))
@click.argument("line", required=False)
def completion(shell: str, line: str | None) -> None:
    """Print the script for completion in a shell.

    Completes commands, options and their values: ids of cases, clients and their
    versions, suites, rules, faults and paths. Asks no network, and reads no
    scenario file and no authprobe.toml.

    With LINE, a command line up to the cursor, prints what completes its last
    word instead, as the scripts ask for it: in each line a kind (`plain`, or the
    kind of the paths that the shell completes), the word and an explanation.

    \b
    Exit codes:
      0   printed
      4   another shell

    \b
    Examples:
      eval "$(authprobe completion bash)"      # in ~/.bashrc
      eval "$(authprobe completion zsh)"       # in ~/.zshrc, after compinit
      authprobe completion fish > ~/.config/fish/completions/authprobe.fish
      authprobe completion bash "authprobe run --suite s"
    """
    from authprobe.commands import completion as commands

    if line is None:
        sys.exit(commands.print_script(shell))
    main = click.get_current_context().find_root().command
    sys.exit(commands.print_completions(completions_of(main, line)))


def completions_of(main: click.Command, line: str) -> Iterator[tuple[str, str, str]]:
    """Yield the kind, the whole word and the explanation of each completion of a line.

    Neither variables nor files are looked at: a broken one is no reason to complete nothing.
    """
    words = split_arg_string(line + _END)
    while words[1:] and _ASSIGNMENT.match(words[0]):
        del words[0]
    *arguments, last = words[1:] or [_END]
    typed = last.removesuffix(_END)
    name, equals, _ = typed.partition("=")
    start = f"{name}=" if equals and name.startswith("-") else ""
    for item in ShellComplete(main, {}, "authprobe", "").get_completions(arguments, typed):
        yield item.type, f"{start}{item.value}", item.help or ""
