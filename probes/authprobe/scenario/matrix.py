"""Combinations of a scenario's axes, by name; `plan` turns each into a case."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from authprobe.core.client_kinds import Flow
from authprobe.core.targets import Target
from authprobe.scenario.clients import Client
from authprobe.scenario.model import (
    DEFAULT,
    Combination,
    Condition,
    Expectation,
    ExpectationRule,
    Matrix,
    Scenario,
)

AXES = ("client", "endpoint", "credential", "headers", "backend", "environment", "flow")
CONDITIONS = (*AXES, "target")
"""What a condition of an expectation can name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """One value for each axis, by name."""

    client: Client
    endpoint: str
    credential: str
    headers: str
    backend: str
    environment: str = DEFAULT
    flow: str = Flow.PROMPT
    target: Target = Target.EMULATOR
    """No axis: the command says whom it asks."""


def combinations(scenario: Scenario) -> Iterator[Names]:
    """Yield each combination of the axes once: in file order, minus `exclude`, plus `include`."""
    excludes = [matcher(combination) for combination in scenario.exclude]
    remaining = (
        names for names in grid(scenario) if not any(exclude(names) for exclude in excludes)
    )
    included = (
        each for combination in scenario.include for each in complete(scenario, combination)
    )
    yield from dict.fromkeys(itertools.chain(remaining, included))


def grid(scenario: Scenario) -> Iterator[Names]:
    """Yield every combination of the matrix, in file order."""
    axes = (getattr(scenario.matrix, axis) for axis in AXES)
    return (Names(**dict(zip(AXES, values, strict=True))) for values in itertools.product(*axes))


def complete(scenario: Scenario, combination: Combination) -> Iterator[Names]:
    """Yield the cases of a combination, with the matrix's first value for each axis it omits."""
    axes = (values_of(combination, axis) or getattr(scenario.matrix, axis)[:1] for axis in AXES)
    return (Names(**dict(zip(AXES, values, strict=True))) for values in itertools.product(*axes))


def matcher(condition: Condition | Combination) -> Callable[[Names], bool]:
    """Return a predicate for names: each axis of the condition has one of its values."""
    axes = [axis for axis in CONDITIONS if getattr(condition, axis, None) is not None]
    allowed = [(axis, frozenset(values_of(condition, axis))) for axis in axes]
    return lambda names: all(getattr(names, axis) in values for axis, values in allowed)


def values_of(condition: Condition | Combination | Matrix, axis: str) -> tuple[Any, ...]:
    """Return the values of an axis; none if the condition omits it."""
    value = getattr(condition, axis)
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def rules(scenario: Scenario) -> tuple[ExpectationRule, ...]:
    """Return the expectations as rules; a single expectation applies to every case."""
    if isinstance(scenario.expect, Expectation):
        return (ExpectationRule(then=scenario.expect),)
    return scenario.expect
