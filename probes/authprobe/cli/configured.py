"""Defaults of the options of a command from variables and files, as click takes them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import click
from click.core import ParameterSource

from authprobe import settings
from authprobe.cli.options import TextsOption
from authprobe.configuration.keys import PYTEST, RUN, RUN_KEYS
from authprobe.configuration.merged import (
    RIVALS,
    Configured,
    Shape,
    named_sources,
    shape_of,
    variable_names,
)
from authprobe.core.escaping import for_log
from authprobe.core.suggestions import did_you_mean
from authprobe.options import PYTEST_OPTIONS

SCENARIOS: Final = "scenarios"
"""The only argument that variables and files set; elsewhere it is an option."""
OTHER_VARIABLES: Final = frozenset(
    {
        *("AUTHPROBE_CACHE", "AUTHPROBE_CACHE_LIMIT", "AUTHPROBE_HISTORY_KEEP"),
        *("AUTHPROBE_ACCESS_TOKEN", "AUTHPROBE_CONTROL_TOKEN"),
    }
)
"""Variables that are no options."""
_FOR_PROGRAMS: Final = re.compile(
    r"AUTHPROBE_(?:HTTPS_URL|CONTROL_URL|(?:API_KEY|SETUP_TOKEN|ACCESS_TOKEN|IDENTITY_TOKEN|"
    r"REFRESH_TOKEN)(?:_\d+)?)"
)
"""Variables that `authprobe emulator` sets for programs, which may start authprobe again."""


class CommandDefaults(Mapping[str, object]):
    """The `default_map` of a command, or of a group with those of its commands.

    Files are read when click looks up the first option, so that the help needs none: it shows the
    same everywhere, and also where a file is broken. Those that do not count are then warned of.
    """

    def __init__(self, command: click.Command, *path: str) -> None:
        self._command = command
        self._path = path
        self._children: dict[str, CommandDefaults] = {}
        self._is_running = False
        self._configured: dict[str, Configured] | None = None
        self._used: dict[str, Configured] = {}

    def __getitem__(self, name: str) -> object:
        if isinstance(self._command, click.Group):
            if name not in self._command.commands:
                raise KeyError(name)
            command = self._command.commands[name]
            return self._children.setdefault(name, CommandDefaults(command, *self._path, name))
        parameter = self._parameters().get(name)
        if parameter is None:  # the help, which click looks up before all others if nobody asks
            self._is_running = True
        option = option_name(parameter) if parameter and self._is_running else None
        found = self._all().get(option) if option else None
        if option is None or found is None or _gives_way(self, option):
            raise KeyError(name)
        self._used[option] = found
        is_one_of_many = isinstance(parameter, TextsOption) and isinstance(found.value, str)
        return (found.value,) if is_one_of_many else found.value

    def __iter__(self) -> Iterator[str]:
        if isinstance(self._command, click.Group):
            return iter(self._command.commands)
        return (name for name in self._parameters() if name in self)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _parameters(self) -> dict[str, click.Parameter]:
        return {each.name: each for each in self._command.params if each.name}

    def _all(self) -> dict[str, Configured]:
        if self._configured is None:
            for line in settings.ignored_config_files():
                click.echo(for_log(f"warning: {line}"), err=True)
            shapes = shapes_of(self._command)
            # `config` itself names what is wrong, with all else that is.
            problems: list[str] | None = [] if self._path == ("config",) else None
            self._configured = dict(settings.configured(" ".join(self._path), shapes, problems))
        return self._configured

    def parameter(self, option: str) -> str:
        """Return click's name of an option."""
        names = (n for n, each in self._parameters().items() if option_name(each) == option)
        return next(names, "")

    def set_by_files(self) -> Iterator[str]:
        """Yield each option whose value is from a file, and the file with the line."""
        for option, found in self._used.items():
            if found.file is not None:
                yield f"--{option} ({found.source})"

    def sources_in(self, message: str) -> Iterator[str]:
        """Yield what set each option that a message names."""
        for child in self._children.values():
            yield from child.sources_in(message)
        yield from named_sources(message, self._used)


def print_file_options() -> None:
    """Say on stderr which options of the running command files have set: who wrote a file need not
    be the one who runs the command, and its options can hide what would be found without them.
    """
    defaults: object = click.get_current_context().default_map
    options = list(defaults.set_by_files()) if isinstance(defaults, CommandDefaults) else ()
    if options:
        click.echo(for_log(f"set by files: {', '.join(options)}"), err=True)


def _gives_way(defaults: CommandDefaults, option: str) -> bool:
    """Return True if the command line selects something else in place of this option."""
    context = click.get_current_context()
    rivals = map(defaults.parameter, RIVALS.get(option, ()))
    sources = (context.get_parameter_source(rival) for rival in rivals if rival)
    return ParameterSource.COMMANDLINE in sources


def option_name(parameter: click.Parameter) -> str | None:
    """Return the name that keys and variables have for a parameter; None: they have none."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len).lstrip("-")
    return parameter.name if parameter.name == SCENARIOS else None


def shapes_of(command: click.Command) -> dict[str, Shape]:
    """Return the shapes of the options of a command, by their names."""
    names = ((option_name(parameter), parameter) for parameter in command.params)
    return {name: _shape(parameter) for name, parameter in names if name}


def _shape(parameter: click.Parameter) -> Shape:
    if isinstance(parameter, TextsOption):
        return shape_of(parameter.option)
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return Shape.FLAG
    return Shape.MANY if parameter.multiple or parameter.nargs != 1 else Shape.ONE


def leaf_commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that has no commands itself, with its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaf_commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


def unknown_variables(group: click.Group) -> Iterator[str]:
    """Yield a line about each variable of authprobe that sets nothing."""
    variables = [
        name
        for name in settings.own_variables()
        if name not in OTHER_VARIABLES and not _FOR_PROGRAMS.fullmatch(name)
    ]
    known = {variable for option in RUN_KEYS for variable in variable_names(RUN, option)}
    for each in PYTEST_OPTIONS:
        known.update(variable_names(PYTEST, each.key))
    if known.issuperset(variables):
        return  # as usual: the other commands need not be imported
    for path, command in leaf_commands(group):
        known.update(_known_variables(path, command))
    from authprobe.redaction.redactor import Redactor  # only this warning needs it

    for name in sorted(set(variables) - known):
        hint = did_you_mean(name, (*known, *OTHER_VARIABLES), otherwise="unset it")
        shown = for_log(Redactor()(name))  # it may be a credential in the wrong place
        yield f"{shown}: no such variable of authprobe{hint}"


def _known_variables(path: str, command: click.Command) -> Iterator[str]:
    for option in shapes_of(command):
        yield from variable_names(path, option)
