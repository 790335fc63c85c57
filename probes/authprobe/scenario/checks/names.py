"""What types cannot say of a scenario: names that are not there, cases that make no sense."""

import itertools
import math
from collections.abc import Iterator
from typing import Final

from authprobe.documents.source import KeyPath, PathProblem, quote, remedy
from authprobe.scenario.checks.cases import check_cases
from authprobe.scenario.checks.definitions import check_definitions
from authprobe.scenario.matrix import AXES
from authprobe.scenario.model import (
    DEFAULT,
    NO_CREDENTIAL,
    ClientKind,
    Combination,
    Condition,
    Expectation,
    Matrix,
    Scenario,
    parse_client,
)

MAX_CASES: Final = 5000

_DEFINED: Final = {
    "endpoint": ("endpoints", DEFAULT),
    "credential": ("credentials", NO_CREDENTIAL),
    "headers": ("headers", DEFAULT),
    "backend": ("backends", DEFAULT),
    "environment": ("environments", DEFAULT),
}


def check(scenario: Scenario) -> Iterator[PathProblem]:
    """Every complaint, with the path of keys and indexes that it is about.

    Cases are looked at only when all names are good, as they would only say the same again.
    """
    yield from check_definitions(scenario)
    known = True
    for complaint in _check_names(scenario):
        known = False
        yield complaint
    size = math.prod(len(getattr(scenario.matrix, axis)) for axis in AXES)
    if size > MAX_CASES:
        yield ("matrix",), f"{size:,} cases are too many; {MAX_CASES:,} are allowed in a scenario"
    elif known:
        yield from check_cases(scenario)


def _check_names(scenario: Scenario) -> Iterator[PathProblem]:
    conditions: list[tuple[KeyPath, Matrix | Combination | Condition]] = [
        (("matrix",), scenario.matrix)
    ]
    conditions += [(("include", i), given) for i, given in enumerate(scenario.include)]
    conditions += [(("exclude", i), given) for i, given in enumerate(scenario.exclude)]
    if not isinstance(scenario.expect, Expectation):
        conditions += [(("expect", i, "when"), r.when) for i, r in enumerate(scenario.expect)]
    for (path, condition), axis in itertools.product(conditions, AXES):
        for place, name in _values((*path, axis), getattr(condition, axis)):
            if (text := _check_name(scenario, axis, name)) is not None:
                yield place, text


def _values(path: KeyPath, given: tuple[str, ...] | str | None) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(given, str):
        yield path, given
    else:
        yield from (((*path, index), name) for index, name in enumerate(given or ()))


def _check_name(scenario: Scenario, axis: str, name: str) -> str | None:
    if axis == "client":
        return _check_client(name)
    if axis not in _DEFINED:
        return None
    group, implied = _DEFINED[axis]
    known = {implied: None} | getattr(scenario, group)
    if name in known:
        return None
    return f"{quote(name)} is not defined under {quote(group)}{remedy(name, known)}"


def _check_client(name: str) -> str | None:
    kinds = [kind.value for kind in ClientKind]
    for part in name.split("+"):
        kind, _, version = part.partition("@")
        if kind not in kinds:
            return f"{quote(kind)} is not a client{remedy(kind, kinds)}"
        if kind == ClientKind.RAW_HTTP and version:
            return (
                f"'raw-http' is authprobe itself and takes no version; leave out '@{version[:60]}'"
            )
    try:
        parse_client(name)
    except ValueError as error:
        return f"{quote(name)}: {error}"
    return None
