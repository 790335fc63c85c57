"""Metrics of a run, as Prometheus reads them."""

import re
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from authprobe.report.formats.prometheus import prometheus
from authprobe.run.model import Run, Selection
from authprobe.verdict.model import Status, Verdict
from tests.support.command import PROJECT
from tests.support.make import make_record, make_run
from tests.support.runs import every_kind

HOSTILE = 'a"b\\c\nd{e="f"} 1\n# TYPE x counter\x1b\u202e'


def samples(run: Run) -> dict[str, list[tuple[Mapping[str, str], float]]]:
    """Return the labels and values of each metric."""
    families = list(text_string_to_metric_families(prometheus(run)))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    assert all(s.timestamp is None for family in families for s in family.samples)
    return {family.name: [(s.labels, s.value) for s in family.samples] for family in families}


def test_every_case_is_counted_once() -> None:
    run = every_kind()
    numbers = {
        (labels["client"], labels["status"]): value
        for labels, value in samples(run)["authprobe_cases"]
    }
    assert sum(numbers.values()) == len(run.cases)
    for client in {record.client for record in run.cases}:
        for status in Status:
            assert numbers[client, status] == sum(
                (record.client, record.verdict.status) == (client, status) for record in run.cases
            )


def test_a_run_tells_its_result_and_its_time() -> None:
    passed = samples(make_run(make_record(), selection=Selection(suite="smoke")))
    assert passed["authprobe_run_success"] == [({}, 1.0)]
    assert passed["authprobe_run_exit_code"] == [({}, 0.0)]
    start = make_run().started_at.timestamp()
    assert passed["authprobe_run_start_timestamp_seconds"] == [({}, start)]
    assert passed["authprobe_run_duration_seconds"] == [({}, 1.0)]
    info = {"version": "0.1.0", "mode": "emulator", "suite": "smoke"}
    assert passed["authprobe_run_info"] == [(info, 1.0)]
    failed = samples(make_run(make_record(verdict=Verdict(status=Status.FAILED))))
    assert failed["authprobe_run_success"] == [({}, 0.0)]
    assert failed["authprobe_run_exit_code"] == [({}, 1.0)]


def test_a_hostile_name_is_one_label() -> None:
    found = samples(make_run(make_record(client=HOSTILE), make_record(id="b", client="x" * 9999)))
    clients = {labels["client"] for labels, _ in found["authprobe_cases"]}
    assert len(clients) == 2
    [hostile] = [each for each in clients if each.startswith("a")]
    assert hostile.startswith('a"b\\c d{e="f"} 1 # TYPE x counter')
    assert not re.search("[\x1b\u202e\n]", hostile)
    assert max(map(len, clients)) < 300


def test_a_run_without_cases_is_no_success_by_mistake() -> None:
    assert samples(make_run()).get("authprobe_cases", []) == []


def test_the_page_has_every_metric() -> None:
    page = (PROJECT / "docs" / "telemetry.md").read_text()
    assert [name for name in samples(every_kind()) if f"`{name}" not in page] == []
