"""Matching of case ids: exact ids, shell patterns, and ids without client versions."""

import re
from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from typing import Final, TypeVar

from authprobe.core.suggestions import did_you_mean
from authprobe.core.version_ranges import version_order
from authprobe.errors import SettingsError

MIN_PARTS: Final = 4
"""Names in an id: scenario, client, endpoint and credential."""
CLIENT_VERSION: Final = re.compile(r"@[^/+]+")


def check_case_id(id: str) -> None:
    """Raise if a text cannot be the id of a case, whatever the scenarios are.

    Raises:
        SettingsError: it cannot.
    """
    parts = id.split("/")
    if len(parts) < MIN_PARTS or not {"", ".", ".."}.isdisjoint(parts):
        raise SettingsError(
            f"--case {id}: no such case; write SCENARIO/CLIENT/ENDPOINT/CREDENTIAL, as in "
            "`authprobe run --list`"
        )


def without_version(case: str) -> str:
    """Return a case id, or a pattern for ids, without client versions.

    Cases that are equal then ask the same question of the same kinds of client.
    """
    return CLIENT_VERSION.sub("", case)


def named_versions(client: str, *versions: str) -> str:
    """Return a client without versions with those that it ran in, each beside its name.

    `gateway+claude-code` with `1.0+claude-code@2.1.31` is `gateway 1.0 + claude-code 2.1.31`; a
    name with several versions has an arrow between them.
    """
    return " + ".join(" ".join(pair).rstrip() for pair in names_and_versions(client, *versions))


def names_and_versions(client: str, *versions: str) -> tuple[tuple[str, str], ...]:
    """Return each name in a client without versions, and the versions that it ran in."""
    first, *others = client.split("+")
    if not others:
        return ((first, " → ".join(versions)),)
    ran = [
        [part.rpartition("@")[2] for part in version.split("+", len(others))]
        for version in versions
    ]
    return tuple(
        (name, " → ".join(dict.fromkeys(each[n] for each in ran if n < len(each))))
        for n, name in enumerate((first, *others))
    )


def matching_cases(name: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that an id or a pattern matches, ignoring client versions in both.

    Raises:
        SettingsError: there is none.
    """
    pattern, plain_ids = without_version(name), {id: without_version(id) for id in ids}
    matches = tuple(id for id, plain_id in plain_ids.items() if matches_id(pattern, plain_id))
    if not matches:
        hint = did_you_mean(pattern, plain_ids.values())
        raise SettingsError(f"{name}: no such case{hint}")
    return matches


def matching_ids(name: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that an id or a pattern matches."""
    return tuple(id for id in ids if matches_id(name, id))


def select_ids(names: Iterable[str], ids: Collection[str]) -> tuple[str, ...]:
    """Return the ids in a run's results that any of these ids and patterns matches, each once.

    Raises:
        SettingsError: a name matches none.
    """
    selection: dict[str, None] = {}
    for name in names:
        matches = matching_ids(name, ids)
        if not matches:
            raise SettingsError(f"{name}: no such case in the results{did_you_mean(name, ids)}")
        selection |= dict.fromkeys(matches)
    return tuple(selection)


def matches_id(name: str, id: str) -> bool:
    """Return True if `name` equals the id, or is a shell pattern that matches it."""
    return id == name or fnmatchcase(id, name)


def client_version_of(case_id: str) -> str:
    """Return the versions of the clients in a case id, joined by `+`; empty without one."""
    client = case_id.partition("/")[2].partition("/")[0]
    return "+".join(part.partition("@")[2] for part in client.split("+"))


Item = TypeVar("Item")


def nearest_version(
    items: Iterable[Item], version_of: Callable[[Item], str], version: str
) -> Item | None:
    """Return the item of the newest version that is not newer, or else the oldest; None of none.

    Of items with the same version, it is the last.
    """
    ordered = sorted(items, key=lambda item: version_order(version_of(item)))
    order = version_order(version)
    earlier = [item for item in ordered if version_order(version_of(item)) <= order]
    return earlier[-1] if earlier else next(iter(ordered), None)
