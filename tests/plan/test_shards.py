"""Shards: every case is in one, equal machines cut alike, and clients stay together."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.shards import Shard, parse_shard
from authprobe.plan.case import Case, expand
from authprobe.plan.shards import cut, digest_ids, digest_weights, make_weights
from authprobe.scenario.model import Matrix
from tests.support.make import make_clients, make_scenario

CASES = tuple(
    case
    for number in range(4)
    for case in expand(
        make_scenario(
            id=f"question-{number}",
            matrix=Matrix(
                client=make_clients("raw-http", *(f"claude-code@2.1.{patch}" for patch in range(5)))
            ),
        )
    )
)


def shards(cases: tuple[Case, ...], count: int, weights: dict[str, int]) -> list[tuple[Case, ...]]:
    return [cut(cases, Shard(index, count), weights) for index in range(1, count + 1)]


@given(
    count=st.integers(1, len(CASES)),
    times=st.lists(st.integers(0, 10**7), min_size=len(CASES), max_size=len(CASES)),
)
def test_every_case_is_in_one_shard_and_no_shard_is_empty(count: int, times: list[int]) -> None:
    weights = {case.id: time for case, time in zip(CASES, times, strict=True)}
    parts = shards(CASES, count, weights)
    assert all(parts)
    assert Counter(case.id for part in parts for case in part) == Counter(c.id for c in CASES)


@given(count=st.integers(1, 6), times=st.lists(st.integers(1, 5000), min_size=24, max_size=24))
def test_shards_take_equally_long_but_for_one_case(count: int, times: list[int]) -> None:
    weights = {case.id: time for case, time in zip(CASES, times, strict=True)}
    parts = [sum(weights[case.id] for case in part) for part in shards(CASES, count, weights)]
    assert max(parts) <= sum(times) / count + max(times)


def test_a_client_is_in_few_shards() -> None:
    parts = shards(CASES, 3, {})
    installs = [
        {str(case.client) for case in part if not case.client.is_authprobe} for part in parts
    ]
    assert sum(map(len, installs)) <= 5 + 2


def test_the_order_of_the_cases_does_not_matter() -> None:
    turned = tuple(reversed(CASES))
    for index in (1, 2, 3):
        ids = {case.id for case in cut(CASES, Shard(index, 3), {})}
        assert {case.id for case in cut(turned, Shard(index, 3), {})} == ids
    assert digest_ids(case.id for case in turned) == digest_ids(case.id for case in CASES)
    assert digest_weights(turned, {}) == digest_weights(CASES, {})


def test_the_time_of_a_question_counts_for_versions_that_were_not_measured() -> None:
    weights = make_weights(
        {"example/claude-code@1.0.0/default/none": 2, "example/claude-code@1.0.1/default/none": 4}
    )
    assert weights["example/claude-code@1.0.1/default/none"] == 4000
    assert weights["example/claude-code/default/none"] == 3000
    slow = {case.id: 10**6 for case in CASES if case.scenario == "question-0"}
    assert digest_weights(CASES, slow) != digest_weights(CASES, {})


def test_more_shards_than_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="only 24 cases"):
        cut(CASES, Shard(1, 25), {})


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "1/0", "1", "1/", "/3", "a/b", "1/1001", "\uff11/3", "-1/3"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as I/N"):
        parse_shard(text)


def test_a_shard_is_spelled_as_it_was_written() -> None:
    assert str(parse_shard("2/3")) == "2/3"
