import dataclasses
from pathlib import Path

import pytest

from authprobe.commands.run import run
from authprobe.errors import ExitCode
from authprobe.observation.findings import Finding
from authprobe.observation.fingerprint import Transition
from authprobe.redaction.scanner import SCAN_LIMIT_BYTES
from authprobe.run import size_limit
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import dump_record, dump_run
from authprobe.run.size_limit import CUT_NOTICE, CUT_RUN_LENGTH, cut_run, fit_run, fitting_text
from authprobe.scenario.model import Expectation, TextRule
from authprobe.settings import Settings
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.command import write_scenario
from tests.support.make import make_exchange, make_observation, make_record, make_run


def record_with(
    count: int, name: str = "large", path: str = "/v1/x", **changes: object
) -> CaseRecord:
    """Return a record with this number of requests, which are numbered."""
    exchanges = tuple(make_exchange(path=f"{path}/{number}") for number in range(count))
    return make_record(id=name, observation=make_observation(exchanges=exchanges), **changes)


def paths(record: CaseRecord) -> list[str]:
    """Return the paths of the requests of a record."""
    return [exchange.path for exchange in record.observation.exchanges]


def test_run_that_can_be_looked_through_is_unchanged() -> None:
    whole = make_run(record_with(3))
    fitting, results = fit_run(whole)
    assert fitting is whole
    assert results == dump_run(whole)
    assert fitting_text(whole, dump_run) == dump_run(whole)


def test_run_of_hostile_cases_is_cut_until_it_can_be_looked_through() -> None:
    large = [record_with(10_500, f"large{n}", "/v1/" + "x" * 900) for n in range(6)]
    small = [record_with(5, f"small{n}") for n in range(20)]
    whole = make_run(*large, *small)
    assert len(dump_run(whole)) > SCAN_LIMIT_BYTES
    cut, results = fit_run(whole)
    assert results == dump_run(cut)
    assert len(results) < 3 * CUT_RUN_LENGTH
    assert [record.id for record in cut.cases] == [record.id for record in whole.cases]
    assert cut.cases[6:] == whole.cases[6:], "small cases are whole"
    for record in cut.cases[:6]:
        count = len(record.observation.exchanges)
        assert count > 500
        assert f"{10_500 - count:,} requests and " in (record.observation.detail or "")
        assert paths(record)[0].endswith("/0")
        assert paths(record)[-1].endswith("/10499")


def test_cut_keeps_verdicts_and_reasons_and_says_what_is_left_out() -> None:
    verdict = Verdict(
        status=Status.FAILED,
        mismatches=(Mismatch(field="message", expected="a" * 9_000, actual="b" * 9_000),),
        transitions=(Transition(field="x", before="a", after="b"),) * 500,
    )
    long = record_with(
        900,
        verdict=verdict,
        findings=(Finding(name="crashes", text="t" * 9_000),),
        expectation=Expectation(
            outcome="rejected",  # type: ignore[arg-type]
            message=TextRule(contains="m" * 2000),
        ),
    )
    long = dataclasses.replace(
        long, observation=dataclasses.replace(long.observation, detail="crashed")
    )
    (record,) = cut_run(make_run(long), 3_000).cases
    assert len(dump_record(record)) < 6_000
    assert record.verdict.status is Status.FAILED
    assert record.verdict.mismatches[0].actual == "b" * 300 + "…"
    assert record.findings[0].name == "crashes"
    assert (record.observation.detail or "").startswith("crashed; ")


def test_report_that_is_too_large_is_made_of_a_cut_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size_limit, "SCAN_LIMIT_BYTES", 100_000)
    monkeypatch.setattr(size_limit, "CUT_RUN_LENGTH", 1_000_000)
    monkeypatch.setattr(size_limit, "MIN_RUN_LENGTH", 10_000)

    def make(of: Run) -> str:
        return "&amp;" * sum(len(path) for record in of.cases for path in paths(record))

    text = fitting_text(make_run(record_with(5_000)), make)
    assert 0 < len(text) <= 100_000


SCENARIO = """
id: large
title: A request
why: To show that a run is cut.
sources: [https://example.org/]
endpoints: {api: {url: "https://api.anthropic.com/v1/messages"}}
matrix: {client: [raw-http], endpoint: [api], credential: [none]}
expect: {outcome: rejected}
"""


def test_cut_run_has_all_its_reports_and_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(size_limit, "SCAN_LIMIT_BYTES", 1_000)
    monkeypatch.setattr(size_limit, "MIN_RUN_LENGTH", 1_000)
    monkeypatch.setattr(size_limit, "CUT_RUN_LENGTH", 1_500)
    settings = Settings(
        out=tmp_path / "out", scenarios=(write_scenario(tmp_path, SCENARIO),), history="none"
    )
    assert run(settings, None, only_list=False, as_json=False) == ExitCode.OK
    assert CUT_NOTICE in capsys.readouterr().err
    names = {path.name for path in (tmp_path / "out").iterdir()} - {".lock"}
    assert names == {"results.json", "report.html", "junit.xml", "ctrf.json", "summary.md"}
    assert "1 requests and the rest" in (tmp_path / "out" / "results.json").read_text()
