import dataclasses
from pathlib import Path
from typing import Any

import pytest

from authprobe.diagnosis.causes import causes
from authprobe.errors import RecordError
from authprobe.observation.model import Cost, GateCount, RewrittenError
from authprobe.run.model import FORMER_CAUSE_IDS, Alternative, Diagnosis, SecretSearch
from authprobe.run.results_file import dump_run, read_run
from tests.support.make import (
    make_exchange,
    make_observation,
    make_record,
    make_run,
    make_shard,
)

HUGE = 10**400


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
@pytest.mark.parametrize("elapsed", ["1.75", "2.25"], ids=["run", "observation"])
def test_a_time_that_no_report_can_show_is_rejected(
    tmp_path: Path, elapsed: str, number: str
) -> None:
    run = make_run(make_record(observation=make_observation(elapsed=2.25)), elapsed=1.75)
    path = tmp_path / "results.json"
    path.write_text(dump_run(run), encoding="utf-8")
    assert read_run(path) == run
    path.write_text(dump_run(run).replace(elapsed, number), encoding="utf-8")
    with pytest.raises(RecordError, match="elapsed must be a finite number"):
        read_run(path)


def test_a_former_id_of_a_cause_is_read_as_the_current_one(tmp_path: Path) -> None:
    diagnosis = Diagnosis(
        id="gateway-own-key",
        summary="The gateway refuses its own key.",
        remedy="Ask its operator.",
        alternatives=(Alternative(id="gateway-own-key", summary="The same.", confidence=0.6),),
    )
    run = make_run(make_record(diagnosis=diagnosis))
    path = tmp_path / "results.json"
    path.write_text(dump_run(run).replace("gateway-own-key", "gateway-key-refused"))
    [record] = read_run(path).cases
    assert record.diagnosis == diagnosis


def test_the_current_ids_of_renamed_causes_exist() -> None:
    assert set(FORMER_CAUSE_IDS.values()) <= set(causes())
    assert set(FORMER_CAUSE_IDS).isdisjoint(causes())


@pytest.mark.parametrize(("index", "count"), [(0, 3), (4, 3), (1, 300_000_000), (-1, -1)])
def test_a_shard_that_no_run_has_is_rejected(tmp_path: Path, index: int, count: int) -> None:
    shard = make_shard(2, 3)
    run = make_run(make_record(), shard=shard)
    path = tmp_path / "results.json"
    path.write_text(dump_run(run), encoding="utf-8")
    assert read_run(path) == run
    other = dataclasses.replace(run, shard=dataclasses.replace(shard, index=index, count=count))
    path.write_text(dump_run(other), encoding="utf-8")
    with pytest.raises(RecordError, match="shard must have an index from 1 to its count"):
        read_run(path)


@pytest.mark.parametrize("number", [-1, 10**30])
def test_a_number_of_missing_cases_that_no_run_has_is_rejected(tmp_path: Path, number: int) -> None:
    run = make_run(make_record(), not_started=1)
    path = tmp_path / "results.json"
    path.write_text(dump_run(run))
    assert read_run(path) == run
    path.write_text(dump_run(dataclasses.replace(run, not_started=number)))
    with pytest.raises(RecordError, match="not_started must be a number of cases"):
        read_run(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"gate": (GateCount(host="x", sent=HUGE),)},
        {"cost": Cost(requests=HUGE)},
        {"cost": Cost(estimated_usd=1e300)},
        {"exchanges": (make_exchange(rewritten=RewrittenError(status=HUGE)),)},
    ],
    ids=["gate", "requests", "cost", "rewritten"],
)
def test_a_number_of_an_observation_that_is_too_large_is_rejected(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = tmp_path / "results.json"
    path.write_text(dump_run(make_run(make_record(observation=make_observation(**changes)))))
    with pytest.raises(RecordError, match=r"cases\.0 has a number that is too large"):
        read_run(path)


@pytest.mark.parametrize("size", [{"files": HUGE}, {"size_bytes": HUGE}])
def test_a_search_of_more_than_any_disk_has_is_rejected(
    tmp_path: Path, size: dict[str, Any]
) -> None:
    search = dataclasses.replace(SecretSearch(names=("OUR_KEY",), files=1, size_bytes=1), **size)
    path = tmp_path / "results.json"
    path.write_text(dump_run(make_run(make_record(), secret_search=search)))
    with pytest.raises(RecordError, match="secret_search has a number that is too large"):
        read_run(path)
