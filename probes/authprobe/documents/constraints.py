"""Constraints of values, as annotations of types.

pydantic applies them when it reads a file, but nothing here imports it: that takes longer than many
a command, and most commands need the types only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic import ConfigDict, GetCoreSchemaHandler
    from pydantic_core import CoreSchema

STRICT: "Final[ConfigDict]" = {"extra": "forbid"}
"""Configuration of a type without other keys than its fields."""


@dataclass(frozen=True, slots=True)
class Length:
    """The least and the most characters of a text, or items of a list."""

    least: int
    most: int | None = None

    def __get_pydantic_core_schema__(
        self, source: object, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        """Return the schema of the annotated type with these limits."""
        most = {} if self.most is None else {"max_length": self.most}
        return {**handler(source), "min_length": self.least, **most}


@dataclass(frozen=True, slots=True)
class Conversion:
    """A function of a valid value that returns the one to use, or raises a ValueError."""

    function: Callable[[Any], Any]

    def __get_pydantic_core_schema__(
        self, source: object, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        """Return the schema of the annotated type with the function after it."""
        from pydantic_core.core_schema import no_info_after_validator_function

        return no_info_after_validator_function(self.function, handler(source))
