"""Options and help of `authprobe config`."""

import functools
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from authprobe.cli.completers import command_names
from authprobe.cli.options import TextsOption, as_json
from authprobe.options import Option

if TYPE_CHECKING:
    from authprobe.commands.config import ConfigurableOption
    from authprobe.configuration.files import Setting

DEFAULT_IN_HELP: Final = re.compile(r"\[default: (.+)\]$")


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]", shell_complete=command_names)
@as_json
def config(words: tuple[str, ...], as_json: bool) -> None:
    """Print the settings of a command, and where each comes from.

    COMMAND is `run` by default; `pytest` stands for the options that pytest has
    with the prefix --authprobe-.

    An option of the command line counts first, then a variable such as
    AUTHPROBE_JOBS, then authprobe.toml or [tool.authprobe] of a pyproject.toml
    at or above the working directory, then authprobe.toml in your own
    configuration folder, then the default. See docs/config.md for the keys. A
    value that the command would refuse is named with what sets it; without
    COMMAND, so are those of all tables of the files.

    \b
    Exit codes:
      0   printed
      4   no such command, a file that cannot be used, or a value that is invalid

    \b
    Examples:
      authprobe config
      authprobe config diff
      AUTHPROBE_JOBS=2 authprobe config
      authprobe config --json | jq '.settings[] | select(.source != "default")'
    """
    from authprobe.commands.config import print_settings
    from authprobe.configuration.keys import DOCTOR, RUN, TABLES

    path = " ".join(words) or RUN
    others = () if words else (name for name in TABLES if name not in (RUN, DOCTOR))
    rows = {name: _rows(name) for name in others}
    sys.exit(print_settings(path, _rows(path), rows, as_json=as_json))


def _rows(path: str) -> tuple["ConfigurableOption", ...]:
    """Return the options of a command, or those of pytest."""
    from authprobe.configuration.keys import PYTEST

    return tuple(_pytest_options() if path == PYTEST else _options(_command(path.split())))


def _command(words: Sequence[str]) -> click.Command:
    """Return the command with these words.

    Raises:
        UsageError: there is none.
    """
    from authprobe.core.suggestions import did_you_mean

    command = click.get_current_context().find_root().command
    for word in words:
        known = command.commands if isinstance(command, click.Group) else {}
        if word not in known:
            raise click.UsageError(f"{word}: no such command{did_you_mean(word, known)}")
        command = known[word]
    if isinstance(command, click.Group):
        names = ", ".join(command.commands)
        raise click.UsageError(f"{' '.join(words)}: name one of its commands as well: {names}")
    return command


def _options(command: click.Command) -> Iterator["ConfigurableOption"]:
    """Yield each option of a command."""
    from authprobe.cli.configured import option_name, shapes_of
    from authprobe.commands.config import ConfigurableOption
    from authprobe.configuration.merged import Shape

    shapes = shapes_of(command)
    for parameter in command.params:
        name = option_name(parameter)
        if name:
            yield ConfigurableOption(
                option=name,
                shape=shapes[name],
                default=_default_text(parameter, is_flag=shapes[name] is Shape.FLAG),
                hidden=getattr(parameter, "hidden", False),
                problem_of=functools.partial(_problem, command, parameter),
            )


def _default_text(parameter: click.Parameter, *, is_flag: bool) -> str:
    """Return a default as the help describes it; empty if there is nothing to say."""
    if described := DEFAULT_IN_HELP.search(getattr(parameter, "help", None) or ""):
        return described[1]
    shown, default = getattr(parameter, "show_default", None), parameter.to_info_dict()["default"]
    if isinstance(shown, str):
        return shown
    return str(bool(default)).lower() if is_flag else str(default or "")


def _pytest_options() -> Iterator["ConfigurableOption"]:
    """Yield each option of pytest."""
    from authprobe.commands.config import ConfigurableOption
    from authprobe.configuration.merged import shape_of
    from authprobe.options import PYTEST_OPTIONS

    for option in PYTEST_OPTIONS:
        yield ConfigurableOption(
            option=option.key,
            shape=shape_of(option),
            default=option.default_text or "",
            hidden=option.hidden,
            problem_of=functools.partial(_problem_of_texts, option),
        )


def _problem(command: click.Command, parameter: click.Parameter, value: "Setting") -> str | None:
    """Return why a command refuses a value of an option; None: it does not."""
    if isinstance(parameter, TextsOption):
        return _problem_of_texts(parameter.option, value)
    try:
        parameter.process_value(click.Context(command), value)
    except click.UsageError as error:
        return error.format_message()
    return None


def _problem_of_texts(option: Option[object], value: "Setting") -> str | None:
    """Return why an option of a run refuses its texts; None: it does not."""
    from authprobe.errors import SettingsError

    try:
        option.values({option.name: value if isinstance(value, tuple) else (str(value),)})
    except SettingsError as error:
        return str(error)
    return None
