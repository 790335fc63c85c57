"""TODO module docstring."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from authprobe.core.suggestions import did_you_mean
from authprobe.errors import SettingsError

VERSION: Final = re.compile(r"@[^/+]+")


def without_version(case: str) -> str:
    """The id of a case, or a pattern for ids, without the versions of its clients."""
    return VERSION.sub("", case)


def named_cases(name: str, ids: Iterable[str]) -> tuple[str, ...]:
    """The ids that a name means, as an id or a pattern; versions make no difference in either.

    Raises:
        SettingsError: it means none.
    """
    asked, plain = without_version(name), {id: without_version(id) for id in ids}
    found = tuple(id for id, own in plain.items() if own == asked or fnmatchcase(own, asked))
    if not found:
        hint = did_you_mean(asked, plain.values())
        raise SettingsError(f"{name}: no such case{hint}")
    return found


def matching_ids(name: str, ids: Iterable[str]) -> tuple[str, ...]:
    """The ids that a name means: itself, or all that fit it as a pattern."""
    return tuple(id for id in ids if id == name or fnmatchcase(id, name))
