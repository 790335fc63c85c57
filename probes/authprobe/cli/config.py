"""Options and help of `authprobe config`."""

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from authprobe.cli.options import as_json

if TYPE_CHECKING:
    from authprobe.configuration.merged import Shape

DEFAULT_IN_HELP: Final = re.compile(r"\[default: (.+)\]$")


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]")
@as_json
def config(words: tuple[str, ...], as_json: bool) -> None:
    """Print the settings of a command, and where each comes from.

    COMMAND is `run` by default; `pytest` stands for the options that pytest has
    with the prefix --authprobe-.

    An option of the command line counts first, then a variable such as
    AUTHPROBE_JOBS, then authprobe.toml or [tool.authprobe] of a pyproject.toml
    at or above the working directory, then authprobe.toml in your own
    configuration folder, then the default. See docs/config.md for the keys.

    \b
    Exit codes:
      0   printed
      4   no such command, or a file or a variable that cannot be used

    \b
    Examples:
      authprobe config
      authprobe config diff
      AUTHPROBE_JOBS=2 authprobe config
      authprobe config --json | jq '.settings[] | select(.source != "default")'
    """
    from authprobe.commands.config import ConfigurableOption, print_settings
    from authprobe.configuration.keys import PYTEST, RUN

    path = " ".join(words) or RUN
    defaults = _pytest_options() if path == PYTEST else _options(_command(words or (RUN,)))
    rows = tuple(
        ConfigurableOption(option=name, shape=shape, default=text) for name, shape, text in defaults
    )
    sys.exit(print_settings(path, rows, as_json=as_json))


def _command(words: tuple[str, ...]) -> click.Command:
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


def _options(command: click.Command) -> Iterator[tuple[str, "Shape", str]]:
    """Yield the name, the shape and the default of each option of a command."""
    from authprobe.cli.configured import option_name, shapes_of
    from authprobe.configuration.merged import Shape

    shapes = shapes_of(command)
    for parameter in command.params:
        name = option_name(parameter)
        if name and not getattr(parameter, "hidden", False):
            described = DEFAULT_IN_HELP.search(getattr(parameter, "help", None) or "")
            default = parameter.to_info_dict()["default"]
            is_flag = shapes[name] is Shape.FLAG
            text = str(bool(default)).lower() if is_flag else default or ""
            yield name, shapes[name], described[1] if described else str(text)


def _pytest_options() -> Iterator[tuple[str, "Shape", str]]:
    """Yield the name, the shape and the default of each option of pytest."""
    from authprobe.configuration.merged import Shape
    from authprobe.options import PYTEST_OPTIONS

    for option in PYTEST_OPTIONS:
        if not option.hidden:
            shape = Shape.MANY if option.repeatable else Shape.ONE
            yield option.name.removeprefix("--"), shape, option.default_text or ""
