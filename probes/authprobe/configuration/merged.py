"""The options that variables and files set for a command: the first of them that sets one counts.

The variables come before the project's file, and that before the user's own. A table of a command
and a variable with its name count before what is for all commands.
"""

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.configuration.files import ConfigFile, Setting
from authprobe.configuration.keys import RUN, SHARED
from authprobe.errors import SettingsError
from authprobe.options import Option

PREFIX: Final = "AUTHPROBE_"
SEPARATOR: Final = ";"
"""Between the values of a repeatable option in a variable: ranges of versions have spaces, and
values of variables commas.
"""
FLAG_WORDS: Final = {"1": True, "true": True, "0": False, "false": False}
RIVALS: Final[Mapping[str, tuple[str, ...]]] = {
    "suite": ("scenarios", "case", "target"),
    "scenarios": ("suite",),
    "case": ("scenarios", "suite"),
}
"""Options that select in place of another: what a file selects gives way to what a variable or the
command line does.
"""


class Shape(enum.Enum):
    """Shape of an option: given once or repeatedly, or without a value."""

    ONE = enum.auto()
    MANY = enum.auto()
    FLAG = enum.auto()


def shape_of(option: Option[object]) -> Shape:
    """Return the shape of an option of a run, which has a value."""
    return Shape.MANY if option.repeatable else Shape.ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A value of an option that a variable or a file sets."""

    value: Setting
    rank: int
    """Position of what sets it in the order; 0 comes first."""
    variable: str | None = None
    """None: a file sets it."""
    file: ConfigFile | None = None
    place: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The variable, or the file with the line."""
        return self.file.source(self.place) if self.file else self.variable or ""


def variable_names(command: str, option: str) -> Iterator[str]:
    """Yield the variables that set an option of a command; the first one that is set counts."""
    yield _variable(command, option)
    if command == RUN or option in SHARED.get(command, ()):
        yield _variable(option)


def _variable(*words: str) -> str:
    return PREFIX + "_".join(words).replace("-", "_").replace(" ", "_").upper()


def configured_options(
    command: str,
    shapes: Mapping[str, Shape],
    variables: Mapping[str, str],
    files: Sequence[ConfigFile],
    problems: list[str] | None = None,
) -> dict[str, Configured]:
    """Return what sets the options with these names, without those that nothing sets.

    Variables that cannot be read are added to `problems` and left out.

    Raises:
        SettingsError: without `problems`, the variable of a flag has another text than those of
            FLAG_WORDS.
    """
    found = dict(_of_variables(command, shapes, variables, problems))
    for rank, file in enumerate(files, start=1):
        for name, (value, place) in file.settings(command).items():
            if name in shapes and name not in found:
                found[name] = Configured(value=value, rank=rank, file=file, place=place)
    ranks = {name: each.rank for name, each in found.items()}
    return {name: each for name, each in found.items() if not gives_way(name, each.rank, ranks)}


def gives_way(name: str, rank: int, ranks: Mapping[str, int]) -> bool:
    """Return True if another option that comes before selects in place of this one."""
    return any(ranks.get(rival, rank) < rank for rival in RIVALS.get(name, ()))


def named_sources(message: str, configured: Mapping[str, Configured]) -> Iterator[str]:
    """Yield what set each of these options that an error names."""
    for option, found in configured.items():
        values = found.value if isinstance(found.value, tuple) else (str(found.value),)
        is_file = any(
            line.startswith(f"{each}:") for line in message.splitlines() for each in values
        )
        name = f"-{option}" if len(option) == 1 else f"--{option}"
        if is_file or re.search(rf"(?<![\w-]){re.escape(name)}\b(?!-)", message):
            yield f"{name} is set by {found.source}"


def _of_variables(
    command: str,
    shapes: Mapping[str, Shape],
    variables: Mapping[str, str],
    problems: list[str] | None,
) -> Iterable[tuple[str, Configured]]:
    for name, shape in shapes.items():
        for variable in variable_names(command, name):
            if text := variables.get(variable):
                try:
                    value = _parse(variable, text, shape)
                except SettingsError as error:
                    if problems is None:
                        raise
                    problems.append(str(error))
                else:
                    yield name, Configured(value=value, rank=0, variable=variable)
                break


def _parse(variable: str, text: str, shape: Shape) -> Setting:
    match shape:
        case Shape.ONE:
            return text
        case Shape.MANY:
            return tuple(filter(None, map(str.strip, text.split(SEPARATOR))))
        case Shape.FLAG:
            if text.lower() not in FLAG_WORDS:
                raise SettingsError(f"{variable}: {text}: must be {', '.join(FLAG_WORDS)}")
            return FLAG_WORDS[text.lower()]
