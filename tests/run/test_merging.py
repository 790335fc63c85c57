"""Merging of shards: what makes a run, and what is refused."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from authprobe.core.gates import Gate
from authprobe.core.isolation import Isolation
from authprobe.errors import RecordError
from authprobe.plan.shards import digest_ids
from authprobe.report.model.matrix import run_words, warnings
from authprobe.run.gates import gate_result
from authprobe.run.merging import JudgedBy, differing_versions, digest_file, merge_shards
from authprobe.run.model import Platform, Run, RunShard, Selection, Tool
from authprobe.run.results_file import dump_run
from authprobe.run.scenario_files import ScenarioFile
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_record, make_run, make_shard

EMPTY = {"baseline": dump_run(make_run()), "known_failures": "known_failures: []\n"}
PLACE = {field.name for field in dataclasses.fields(RunShard)} - {"index"}


def case_id(index: int) -> str:
    return f"example/raw-http/default/{index}"


def shard(index: int, count: int = 2, **changes: Any) -> Run:
    """Return a shard with one case."""
    place = {name: changes.pop(name) for name in list(changes) if name in PLACE}
    record = make_record(**{"id": case_id(index), **changes.pop("record", {})})
    plan = digest_ids(map(case_id, range(1, count + 1)))
    run = make_run(record, shard=make_shard(index, count, **{"plan": plan, **place}), partial=True)
    return dataclasses.replace(run, **changes)


def merge(*runs: Run, judged_by: JudgedBy = JudgedBy(), **options: Any) -> Run:  # noqa: B008
    places = {f"{number}/results.json": run for number, run in enumerate(runs, 1)}
    return merge_shards(places, judged_by, **options)


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


@pytest.mark.parametrize("partial", [False, True])
def test_a_shard_that_lost_a_case_is_refused(partial: bool) -> None:
    lost = dataclasses.replace(shard(2, partial=partial), cases=())
    with pytest.raises(RecordError, match=r"2/results.json: has 0 of its 1 cases"):
        merge(shard(1), lost)
    stopped = dataclasses.replace(lost, not_started=1, interrupted=True)
    assert merge(shard(1), stopped).not_started == 1


def test_numbers_that_fit_do_not_hide_that_a_case_is_gone() -> None:
    with pytest.raises(RecordError, match=r"1/results.json: was cut from other cases than those"):
        merge(shard(1, cases=1, own=1), dataclasses.replace(shard(2, cases=1, own=0), cases=()))
    with pytest.raises(RecordError, match=r"1/results.json: was cut from other cases than those"):
        merge(shard(1), shard(2, record={"id": case_id(3)}))


@pytest.mark.parametrize(("limit", "is_refused"), [(None, True), (2, True), (1, False)])
def test_cases_that_were_not_started_need_a_reason(limit: int | None, is_refused: bool) -> None:
    failed = {"verdict": Verdict(status=Status.FAILED)}
    one = shard(1, own=2, cases=3, max_failures=limit, not_started=1, record=failed)
    two = shard(2, cases=3, max_failures=limit)
    if is_refused:
        with pytest.raises(RecordError, match=r"1/results.json: lacks 1 of its cases, and"):
            merge(one, two)
    else:
        assert merge(one, two).not_started == 1


@pytest.mark.parametrize("name", ["baseline", "known_failures"])
def test_the_shards_are_judged_by_the_same_files(tmp_path: Path, name: str) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_text(EMPTY[name])
    other.write_text(f"{EMPTY[name]} ")
    judged: dict[str, Any] = {name: digest_file(file)}
    runs = [shard(index, **judged) for index in (1, 2)]
    assert len(merge(*runs, judged_by=JudgedBy(**{name: file})).cases) == 2
    with pytest.raises(RecordError, match="name the same file here"):
        merge(*runs)
    with pytest.raises(RecordError, match="use one for all"):
        merge(*runs, judged_by=JudgedBy(**{name: other}))
    with pytest.raises(RecordError, match=r"2/results.json: was not judged with .*; probe it"):
        merge(runs[0], shard(2), judged_by=JudgedBy(**{name: file}))


def test_a_message_names_few_of_many_missing_shards() -> None:
    with pytest.raises(RecordError, match=r", 11/1000 and 989 more are missing; probe them"):
        merge(shard(1, count=1000))


def test_missing_shards_that_are_allowed_make_an_interrupted_run() -> None:
    merged = merge(shard(1), allows_missing=True)
    assert (merged.partial, merged.interrupted, merged.not_started) == (True, True, 1)
    assert gate_result(merged).reason == "exit code 2: shard 2/2 is missing"
    assert "Shard 2/2 is missing: 1 of 2 cases is not here." in warnings(merged)
    assert "merged from 1 of 2 shards" in run_words(merged)


def test_a_merged_run_says_from_how_many_shards() -> None:
    merged = merge(*(shard(index, count=3) for index in (1, 2, 3)))
    assert merged.merged_shards == 3
    assert "merged from 3 shards" in run_words(merged)
    assert "merged" not in run_words(shard(1))


@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("cases", [-1, 0, 1, 3, 10**30])
def test_another_number_of_cases_than_the_shards_have_is_refused(
    cases: int, interrupted: bool
) -> None:
    runs = [shard(index, cases=cases, interrupted=interrupted) for index in (1, 2)]
    with pytest.raises(RecordError, match=r"1/results.json: all shards together have .*, it says"):
        merge(*runs)


@pytest.mark.parametrize(("cases", "is_refused"), [(1, True), (2, True), (3, False), (4, False)])
def test_each_missing_shard_has_a_case(cases: int, is_refused: bool) -> None:
    one = shard(1, count=3, cases=cases)
    two = shard(2, count=3, cases=cases)
    if is_refused:
        with pytest.raises(RecordError, match="all shards together have"):
            merge(one, two, allows_missing=True)
    else:
        assert merge(one, two, allows_missing=True).not_started == cases - 2


def test_a_shard_that_left_out_cases_makes_a_partial_run() -> None:
    assert merge(shard(1), shard(2, partial=True)).partial
    interrupted = merge(shard(1), shard(2, interrupted=True))
    assert (interrupted.partial, interrupted.interrupted) == (True, True)


def test_the_weakest_isolation_is_told_with_its_reason() -> None:
    network: dict[str, Any] = {"client_isolation": Isolation.NETWORK, "isolation_refusal": "no x"}
    none: dict[str, Any] = {"client_isolation": Isolation.NONE, "isolation_refusal": "no y"}
    sealed: dict[str, Any] = {"client_isolation": Isolation.SEALED}
    for first, second, weakest in ((sealed, network, network), (network, none, none)):
        merged = merge(shard(1, **first), shard(2, **second))
        assert merged.client_isolation is weakest["client_isolation"]
        assert merged.isolation_refusal == weakest["isolation_refusal"]


def test_the_gates_can_be_chosen_for_the_whole() -> None:
    assert merge(shard(1), shard(2)).fail_on == (Gate.FAILED,)
    other = shard(2, fail_on=(Gate.FLAKY,))
    assert merge(shard(1), other, fail_on=(Gate.ABSENT,)).fail_on == (Gate.ABSENT,)


def test_a_client_in_two_versions_is_told() -> None:
    merged = merge(
        shard(1, record={"client": "claude-code@latest", "client_version": "2.1.1"}),
        shard(2, record={"client": "claude-code@latest", "client_version": "2.1.2"}),
    )
    (line,) = differing_versions(merged)
    assert line.startswith("claude-code@latest: the shards ran 2.1.1 and 2.1.2")
