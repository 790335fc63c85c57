"""Places in a scenario file: the line of the expectation by which a case was judged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.documents.node_tree import Node, compose
from authprobe.documents.source import KeyPath
from authprobe.documents.validation import locate
from authprobe.plan.case import Case
from authprobe.scenario.load import LoadedScenario
from authprobe.scenario.matrix import rules
from authprobe.scenario.model import Expectation, Scenario
from authprobe.scenario.vocabulary import SCENARIO
from authprobe.verdict.model import Mismatch

EXPECT: Final = "expect"
MAX_EXCERPT_LINES: Final = 7
_ITEM_FIELD: Final = re.compile(r"(?P<key>\w+)\[(?P<index>[0-9]+)\]")
"""Field of a mismatch that is about one item of a list, such as `requests[0]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioSource:
    """The text of a scenario file, and the places in it."""

    path: Path
    scenario: Scenario
    lines: Sequence[str]
    root: Node

    def line_of(self, case: Case) -> int:
        """Return the line of the rule that states what is expected of a case, from 1 on."""
        return locate(self.root, self._rule(case)).line

    def place_of_id(self) -> str:
        """Return the `line:column` of the scenario's id."""
        position = locate(self.root, ("id",))
        return f"{position.line}:{position.column}"

    def line_of_client(self) -> int:
        """Return the line of the clients, from 1 on."""
        return locate(self.root, ("matrix", "client")).line

    def line_of_mismatch(self, case: Case, mismatch: Mismatch) -> int:
        """Return the line of the value that was not met, from 1 on."""
        rule = self._rule(case)
        then = rule if rule == (EXPECT,) else (*rule, "then")
        return locate(self.root, (*then, *_keys(mismatch, case.expectation))).line

    def excerpt(self, first: int, last: int) -> Sequence[str]:
        """Return the lines from `first` to `last`; of many, only those at the end."""
        start = max(first, last - MAX_EXCERPT_LINES + 1) if first <= last else last
        return self.lines[start - 1 : last]

    def _rule(self, case: Case) -> KeyPath:
        if isinstance(self.scenario.expect, Expectation):
            return (EXPECT,)
        indexes = (n for n, r in enumerate(rules(self.scenario)) if r.then is case.expectation)
        index = next(indexes, None)
        return (EXPECT,) if index is None else (EXPECT, index)


def read_source(loaded: LoadedScenario) -> ScenarioSource:
    """Return the places of a scenario that was loaded from its file."""
    return ScenarioSource(
        path=loaded.path,
        scenario=loaded.scenario,
        lines=loaded.text.splitlines(),
        root=compose(loaded.text, SCENARIO).root,
    )


def _keys(mismatch: Mismatch, expectation: Expectation) -> KeyPath:
    """Return the path, below an expectation, of the value that a mismatch is about."""
    if match := _ITEM_FIELD.fullmatch(mismatch.field):
        return match["key"], int(match["index"])
    names = getattr(expectation, mismatch.field, None)
    name = mismatch.expected.removeprefix("no ")  # as `judge` writes what must be absent
    if isinstance(names, tuple) and name in names:
        return mismatch.field, names.index(name)
    return (mismatch.field,)
