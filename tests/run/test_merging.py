"""Merging of shards: what makes a run, and what is refused."""

import dataclasses
from typing import Any

import pytest

from authprobe.core.gates import Gate
from authprobe.core.isolation import Isolation
from authprobe.errors import RecordError
from authprobe.run.baseline import EMPTY_BASELINE, Baseline, baseline_from_run
from authprobe.run.gates import gate_result
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.merging import differing_versions, merge_shards
from authprobe.run.model import Platform, Run, RunShard, Selection, Tool
from authprobe.run.scenario_files import ScenarioFile
from authprobe.verdict.model import BaselineState
from tests.support.make import make_record, make_run

UNCHANGED = BaselineState.UNCHANGED


def shard(index: int, count: int = 2, **changes: Any) -> Run:
    """Return a shard with one case."""
    place: dict[str, Any] = {"cases": 2, "plan": "p", "weights": "w", "partial": False}
    place |= {name: changes.pop(name) for name in list(changes) if name in place}
    record = make_record(id=f"example/raw-http/default/{index}", **changes.pop("record", {}))
    own = RunShard(index=index, count=count, **place)
    return dataclasses.replace(make_run(record, shard=own, partial=True), **changes)


def merge(*runs: Run, baseline: Baseline = EMPTY_BASELINE, **options: Any) -> Run:
    places = {f"{number}/results.json": run for number, run in enumerate(runs, 1)}
    return merge_shards(places, baseline, KnownFailureList(), **options)


def test_all_shards_are_a_whole_run() -> None:
    merged = merge(shard(2, elapsed=3.0), shard(1, elapsed=5.0))
    assert [record.id[-1] for record in merged.cases] == ["1", "2"]
    assert (merged.partial, merged.interrupted, merged.shard, merged.elapsed) == (
        *(False, False, None),
        5.0,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"tool": Tool(version="0.0.1")},
        {"platform": Platform(system="Darwin", machine="arm64", python="3.11.0")},
        {"selection": Selection(clients=("raw-http",))},
        {"scenarios": (ScenarioFile(id="x", file="x.yaml"),)},
        {"fail_on": (Gate.ABSENT,)},
        {"max_failures": 3},
        {"plan": "q"},
        {"cases": 3},
        {"weights": "x"},
        {"count": 3},
    ],
    ids=str,
)
def test_a_shard_of_another_run_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match=r"2/results.json: not of the same run as 1/results.json"):
        merge(shard(1), shard(2, **changes))


def test_another_text_of_a_scenario_is_refused() -> None:
    with pytest.raises(RecordError, match="another text of mine"):
        merge(shard(1, own_scenarios={"mine": "a"}), shard(2, own_scenarios={"mine": "b"}))


def test_a_shard_that_is_missing_or_there_twice_is_refused() -> None:
    with pytest.raises(RecordError, match="shard 2/2 is missing"):
        merge(shard(1))
    with pytest.raises(RecordError, match="shard 1/2 is there 2 times"):
        merge(shard(1), shard(1))


def test_a_run_that_is_no_shard_is_refused() -> None:
    with pytest.raises(RecordError, match=r"2/results.json: not a shard"):
        merge(shard(1), make_run(make_record()))


def test_a_case_of_two_shards_is_refused() -> None:
    with pytest.raises(RecordError, match=r"is in 1.results.json as well"):
        merge(shard(1), dataclasses.replace(shard(1), shard=shard(2).shard))


def test_a_shard_that_lost_a_case_is_refused() -> None:
    with pytest.raises(RecordError, match="have 1 of the 2 cases of the run"):
        merge(shard(1), dataclasses.replace(shard(2), cases=()))
    selected = dataclasses.replace(shard(2, partial=True), cases=())
    with pytest.raises(RecordError, match="have 1 of the 2 cases of the run"):
        merge(shard(1, partial=True), selected)
    assert merge(shard(1), dataclasses.replace(selected, not_started=1)).partial


def test_a_message_names_few_of_many_missing_shards() -> None:
    with pytest.raises(RecordError, match=r", 11/1000 and 989 more are missing"):
        merge(shard(1, count=1000))


def test_the_baseline_of_the_shards_is_asked_for() -> None:
    compared = {"verdict": dataclasses.replace(make_record().verdict, baseline=UNCHANGED)}
    shards = (shard(1), shard(2, record=compared))
    with pytest.raises(RecordError, match=r"2/results.json: was compared .* --baseline"):
        merge(*shards)
    accepted = baseline_from_run(shards[1])
    assert not merge(*shards, baseline=accepted).partial


def test_missing_shards_that_are_allowed_make_an_interrupted_run() -> None:
    merged = merge(shard(1), allows_missing=True)
    assert (merged.partial, merged.interrupted) == (True, True)
    assert gate_result(merged).exit_code == 2


def test_a_shard_that_left_out_cases_makes_a_partial_run() -> None:
    assert merge(shard(1), shard(2, partial=True)).partial
    interrupted = merge(shard(1), shard(2, interrupted=True))
    assert (interrupted.partial, interrupted.interrupted) == (True, True)


def test_the_weakest_isolation_is_told() -> None:
    merged = merge(
        shard(1, client_isolation=Isolation.SEALED),
        shard(2, client_isolation=Isolation.NETWORK, isolation_refusal="no user namespace"),
    )
    assert (merged.client_isolation, merged.isolation_refusal) == (
        Isolation.NETWORK,
        "no user namespace",
    )


def test_the_gates_can_be_chosen_for_the_whole() -> None:
    assert merge(shard(1), shard(2)).fail_on == (Gate.FAILED,)
    assert merge(shard(1), shard(2), fail_on=(Gate.ABSENT,)).fail_on == (Gate.ABSENT,)


def test_a_client_in_two_versions_is_told() -> None:
    merged = merge(
        shard(1, record={"client": "claude-code@latest", "client_version": "2.1.1"}),
        shard(2, record={"client": "claude-code@latest", "client_version": "2.1.2"}),
    )
    (line,) = differing_versions(merged)
    assert line.startswith("claude-code@latest: the shards ran 2.1.1 and 2.1.2")
