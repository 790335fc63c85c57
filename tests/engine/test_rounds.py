"""Retries and the limit of failures, with probes that fail as the test says."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from authprobe.engine.progress import NullReporter
from authprobe.engine.record import make_record
from authprobe.engine.rounds import MayStart, Rounds
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.run.baseline import EMPTY_BASELINE
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status
from tests.support.make import make_case, make_observation

GOOD = make_observation()
WRONG = make_observation(outcome=Outcome.REJECTED, status=401)
UNTESTABLE = make_observation(outcome=Outcome.UNAVAILABLE, status=None)


@dataclass
class World:
    """A world in which each case has the observations of its script, the last of them for ever."""

    scripts: dict[str, list[Observation]]
    concurrent: int = 1
    """Number of cases that begin before the first one ends."""
    probed: list[str] = field(default_factory=list)
    records: dict[str, CaseRecord] = field(default_factory=dict)

    def run(self, *, retries: int = 0, max_failures: int | None = None) -> None:
        cases = [replace(make_case(), id=id) for id in self.scripts]
        Rounds(
            probe=self.probe,
            judge=lambda case, observation: make_record(
                case, observation, EMPTY_BASELINE, KnownFailureList()
            ),
            keep=lambda record: self.records.update({record.id: record}),
            reporter=NullReporter(),
            retries=retries,
            max_failures=max_failures,
        ).run(cases)

    def probe(
        self, cases: Sequence[Case], may_start: MayStart
    ) -> Generator[tuple[Case, Observation]]:
        waiting, running = list(cases), list[Case]()
        while waiting or running:
            while waiting and len(running) < self.concurrent and may_start():
                running.append(waiting.pop(0))
            if not running:
                return
            case = running.pop(0)
            script = self.scripts[case.id]
            number = Counter(self.probed)[case.id]
            self.probed.append(case.id)
            yield case, script[min(number, len(script) - 1)]

    def verdicts(self) -> dict[str, tuple[str, int, int, bool]]:
        """Return the status, failed attempts, attempts and flakiness of each case."""
        verdicts = {id: record.verdict for id, record in self.records.items()}
        return {
            id: (v.status.value, v.failed_attempts, len(v.attempts), v.flaky)
            for id, v in verdicts.items()
        }


def test_a_case_that_fails_once_is_flaky() -> None:
    world = World({"a": [GOOD], "b": [WRONG, GOOD], "c": [GOOD]})
    world.run(retries=2)
    assert world.probed == ["a", "b", "c", "b"]
    assert world.verdicts() == {
        "a": ("passed", 0, 0, False),
        "b": ("passed", 1, 2, True),
        "c": ("passed", 0, 0, False),
    }
    assert world.records["b"].observation == GOOD
    failed, passed = world.records["b"].verdict.attempts
    assert [m.field for m in failed.mismatches] == ["outcome"]
    assert (passed.status, passed.mismatches) == (Status.PASSED, ())


def test_a_case_that_always_fails_has_all_attempts() -> None:
    world = World({"a": [WRONG]})
    world.run(retries=3)
    assert world.verdicts() == {"a": ("failed", 4, 4, False)}


def test_nothing_is_probed_again_without_retries() -> None:
    world = World({"a": [WRONG, GOOD]})
    world.run()
    assert world.verdicts() == {"a": ("failed", 0, 0, False)}


def test_an_untestable_case_is_not_probed_again() -> None:
    world = World({"a": [UNTESTABLE, GOOD]})
    world.run(retries=3)
    assert world.verdicts() == {"a": ("error", 0, 0, False)}


def test_an_attempt_that_could_not_be_tested_does_not_replace_the_failure() -> None:
    world = World({"a": [WRONG, UNTESTABLE], "b": [WRONG, UNTESTABLE, GOOD]})
    world.run(retries=2)
    assert world.verdicts() == {"a": ("failed", 1, 3, False), "b": ("passed", 1, 3, True)}


@pytest.mark.parametrize(("limit", "number"), [(1, 1), (2, 3), (3, 5), (4, 5)])
def test_no_case_begins_after_the_last_failure(limit: int, number: int) -> None:
    world = World({"a": [WRONG], "b": [GOOD], "c": [WRONG], "d": [GOOD], "e": [WRONG]})
    world.run(max_failures=limit)
    assert world.probed == list("abcde")[:number]


def test_cases_that_run_already_are_kept() -> None:
    world = World({id: [WRONG] for id in "abcdef"}, concurrent=3)
    world.run(max_failures=1)
    assert list(world.records) == ["a", "b", "c"]


def test_a_flaky_case_is_no_failure_for_the_limit() -> None:
    """The run pauses to probe the failed case again, and goes on if that passes."""
    world = World({"a": [WRONG, GOOD], "b": [WRONG], "c": [GOOD], "d": [GOOD]})
    world.run(retries=1, max_failures=1)
    assert world.probed == ["a", "a", "b", "b"]
    assert world.verdicts() == {"a": ("passed", 1, 2, True), "b": ("failed", 2, 2, False)}
