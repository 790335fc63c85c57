"""`authprobe config`: the settings of a command, and where each comes from."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.commands.config_checks import problems_of
from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.configuration.files import ConfigFile, Setting
from authprobe.configuration.merged import SEPARATOR, Shape, configured_options, variable_names
from authprobe.core.history_location import redact_location
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.settings import cache_limit_bytes, config_files, history_runs, own_variables

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurableOption:
    """An option, its default, and what values it takes."""

    option: str
    shape: Shape
    default: str
    """As its help describes it; empty if there is nothing to say."""
    hidden: bool = False
    """Only shown if something sets it."""
    problem_of: Callable[[Setting], str | None]
    """Return why the command refuses a value; None: it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """An option with the value that it has if the command line says nothing."""

    option: str
    value: bool | str | list[str]
    source: str
    variable: str
    """The first variable that can set it."""
    problem: str | None
    """Why the command refuses the value; None: it does not."""


Rows = Sequence[ConfigurableOption]


def print_settings(command: str, rows: Rows, others: Mapping[str, Rows], *, as_json: bool) -> int:
    """Print the value of each option of a command, and what sets it; return the exit code.

    On stderr are all problems of the files, and of what sets these options, those of others, or
    the size of the cache and of the history.
    """
    problems: list[str] = []
    files = config_files(problems)
    names = [file.name for file in files]
    no_file = "no usable authprobe.toml" if problems else "no authprobe.toml"
    for read in (cache_limit_bytes, history_runs):  # of variables only: there is no such option
        try:
            read()
        except SettingsError as error:
            problems.append(str(error))
    settings = tuple(_shown(command, rows, files, problems))
    if as_json:
        document = {
            "command": command,
            "files": names,
            "settings": [
                {name: getattr(each, name) for name in ShownSetting.__slots__} for each in settings
            ],
        }
        print_json(json.dumps(document, indent=2))
    else:
        _print_table(command, ", ".join(names) or no_file, settings)
    problems += [line for each in settings for line in _lines(each)]
    for other, its_rows in others.items():
        for each in _shown(other, its_rows, files, problems):
            if each.source not in {setting.source for setting in settings}:
                problems += _lines(each)
    redact = Redactor()
    for line in dict.fromkeys(problems):
        print_error(redact(line))  # names of keys and of variables are anything, too
    return ExitCode.USAGE if problems else ExitCode.OK


def _lines(setting: ShownSetting) -> Iterator[str]:
    """Yield a line about each problem of a setting, with what sets it."""
    for line in (setting.problem or "").splitlines():
        yield f"{setting.source}: {line}"


def _print_table(command: str, files: str, settings: Sequence[ShownSetting]) -> None:
    print_text(f"authprobe {command}: {files}")
    option_width = max(len(each.option) for each in settings)
    source_width = max(len(each.source) for each in settings)
    for each in settings:
        start = f"  {each.option:<{option_width}}  {each.source:<{source_width}}"
        print_text(f"{start}  {_text(each.value)}".rstrip())


def _shown(
    command: str, rows: Rows, files: Sequence[ConfigFile], problems: list[str]
) -> Iterator[ShownSetting]:
    """Yield each setting; variables that cannot be read are added to the problems."""
    shapes = {row.option: row.shape for row in rows}
    found = configured_options(command, shapes, own_variables(), files, problems)
    refused: dict[str, str] = {}
    for row in rows:
        problem = row.problem_of(found[row.option].value) if row.option in found else None
        if problem:
            refused[row.option] = problem
    usable = {option: each for option, each in found.items() if option not in refused}
    for option, problem in problems_of(command, usable):
        refused[option] = "\n".join(filter(None, (refused.get(option), problem)))
    for row in rows:
        if row.hidden and row.option not in found:
            continue
        set_by, problem = found.get(row.option), refused.get(row.option)
        yield ShownSetting(
            option=row.option,
            value=_harmless(row.option, set_by.value) if set_by else row.default,
            source=Redactor()(set_by.source) if set_by else DEFAULT,
            variable=tuple(variable_names(command, row.option))[-1],
            problem=Redactor()(problem) if problem else None,
        )


def _harmless(option: str, value: Setting) -> bool | str | list[str]:
    """Return a value without credentials: a history may have a password."""
    if isinstance(value, bool):
        return value
    redact = Redactor()
    if isinstance(value, tuple):
        return [redact(each) for each in value]
    return redact(redact_location(value) if option == "history" else value)


def _text(value: bool | str | list[str]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{SEPARATOR} ".join(value)
