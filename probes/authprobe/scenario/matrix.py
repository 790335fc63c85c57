"""Which combinations of its axes a scenario speaks of, by name: `plan` makes cases of them."""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from authprobe.scenario.model import (
    DEFAULT,
    Combination,
    Condition,
    Expectation,
    ExpectationRule,
    Flow,
    Matrix,
    Scenario,
    parse_client,
)

AXES = ("client", "endpoint", "credential", "headers", "backend", "environment", "flow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The value of each axis, by name."""

    client: str
    endpoint: str
    credential: str
    headers: str
    backend: str
    environment: str = DEFAULT
    flow: str = Flow.PROMPT


def combinations(scenario: Scenario) -> Iterator[Names]:
    """Every combination of the axes in file order, minus `exclude`, plus `include`, each once."""
    excluded = [matcher(combination) for combination in scenario.exclude]
    kept = (names for names in grid(scenario) if not any(test(names) for test in excluded))
    included = (complete(scenario, combination) for combination in scenario.include)
    yield from dict.fromkeys(itertools.chain(kept, included))


def grid(scenario: Scenario) -> Iterator[Names]:
    """Every combination of the axes, in file order."""
    axes = (getattr(scenario.matrix, axis) for axis in AXES)
    return (_names(dict(zip(AXES, values, strict=True))) for values in itertools.product(*axes))


def complete(scenario: Scenario, combination: Combination) -> Names:
    """The combination, with the first value of the matrix for each axis that it leaves out."""
    return _names(
        {axis: getattr(combination, axis) or getattr(scenario.matrix, axis)[0] for axis in AXES}
    )


def matches(condition: Condition | Combination, names: Names) -> bool:
    """Whether each axis that the condition speaks of has one of its values."""
    return matcher(condition)(names)


def matcher(condition: Condition | Combination) -> Callable[[Names], bool]:
    """`matches` for one condition and many names."""
    spoken_of = [axis for axis in AXES if getattr(condition, axis) is not None]
    wanted = [(axis, frozenset(spoken(condition, axis))) for axis in spoken_of]
    return lambda names: all(getattr(names, axis) in values for axis, values in wanted)


def spoken(condition: Condition | Combination | Matrix, axis: str) -> tuple[str, ...]:
    """The values that are named for an axis, clients in their full spelling."""
    given = getattr(condition, axis)
    if given is None:
        return ()
    values = (given,) if isinstance(given, str) else tuple(given)
    return tuple(map(canonical, values)) if axis == "client" else values


def rules(scenario: Scenario) -> tuple[ExpectationRule, ...]:
    """The expectations as rules; a single expectation holds for every case."""
    if isinstance(scenario.expect, Expectation):
        return (ExpectationRule(then=scenario.expect),)
    return scenario.expect


@functools.lru_cache(maxsize=4096)
def canonical(client: str) -> str:
    """The full spelling of a client: `claude-code` is `claude-code@latest`."""
    return str(parse_client(client))


def _names(values: dict[str, str]) -> Names:
    return Names(**values | {"client": canonical(values["client"])})
