"""Checks that types cannot express: undefined names, and cases that make no sense."""

import itertools
import math
from collections.abc import Iterator
from typing import Final

from authprobe.documents.source import KeyPath, PathProblem, quote, remedy
from authprobe.scenario.checks.cases import check_cases
from authprobe.scenario.checks.definitions import (
    check_ambiguous_names,
    check_definitions,
    check_expectations,
)
from authprobe.scenario.checks.hosts import required_headers
from authprobe.scenario.matrix import AXES, values_of
from authprobe.scenario.model import (
    DEFAULT,
    NO_CREDENTIAL,
    Combination,
    Condition,
    Expectation,
    Matrix,
    Scenario,
)

MAX_CASES: Final = 50_000
"""Most cases of a run, and so of a scenario: more would need gigabytes of memory."""

_DEFINITIONS: Final = {
    "endpoint": ("endpoints", DEFAULT),
    "credential": ("credentials", NO_CREDENTIAL),
    "headers": ("headers", DEFAULT),
    "backend": ("backends", DEFAULT),
    "environment": ("environments", DEFAULT),
}
"""The key that defines the names of an axis, and the name that needs no definition."""


def check(scenario: Scenario, own: Scenario | None = None) -> Iterator[PathProblem]:
    """Yield every problem with the path of the value that it is about.

    `own` is the scenario without what it takes from files of definitions, which are checked by
    themselves, and may define more than it uses. Cases are checked only when all names are valid;
    otherwise they would repeat the same problems.
    """
    own = own or scenario
    yield from check_definitions(own, scenario.own_hosts)
    yield from check_ambiguous_names(scenario)
    yield from check_expectations(own, required_headers(scenario))
    valid = True
    for problem in _check_names(scenario):
        valid = False
        yield problem
    grids: tuple[Matrix | Combination, ...] = (scenario.matrix, *scenario.include)
    size = sum(math.prod(len(values_of(each, axis)) or 1 for axis in AXES) for each in grids)
    if size > MAX_CASES:
        yield ("matrix",), f"{size:,} cases are too many; the limit is {MAX_CASES:,} per scenario"
    elif valid:
        yield from check_cases(scenario, own)


def _check_names(scenario: Scenario) -> Iterator[PathProblem]:
    conditions: list[tuple[KeyPath, Matrix | Combination | Condition]] = [
        (("matrix",), scenario.matrix)
    ]
    conditions += [(("include", i), each) for i, each in enumerate(scenario.include)]
    conditions += [(("exclude", i), each) for i, each in enumerate(scenario.exclude)]
    if not isinstance(scenario.expect, Expectation):
        conditions += [(("expect", i, "when"), r.when) for i, r in enumerate(scenario.expect)]
    for (path, condition), axis in itertools.product(conditions, _DEFINITIONS):
        for value_path, name in _named_values((*path, axis), getattr(condition, axis)):
            if (message := _undefined_message(scenario, axis, name)) is not None:
                yield value_path, message


def _named_values(
    path: KeyPath, value: tuple[str, ...] | str | None
) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    else:
        yield from (((*path, index), name) for index, name in enumerate(value or ()))


def _undefined_message(scenario: Scenario, axis: str, name: str) -> str | None:
    group, implied = _DEFINITIONS[axis]
    defined = {implied: None} | getattr(scenario, group)
    if name in defined:
        return None
    return f"{quote(name)} is not defined under {quote(group)}{remedy(name, defined)}"
