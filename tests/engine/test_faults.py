"""Errors of authprobe itself: one case, or one report, never costs the others."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from authprobe.clients import raw_http
from authprobe.clients.installation.cache import Cache
from authprobe.core.faults import fault_words
from authprobe.emulator.server.network import Network
from authprobe.engine import laboratory, probe, record, runner
from authprobe.engine.faults import failed_observation
from authprobe.engine.progress import LogReporter
from authprobe.errors import ExitCode
from authprobe.observation.model import Observation, Outcome
from authprobe.redaction import publishing, scanner
from authprobe.report import files
from authprobe.run import partial_results
from authprobe.settings import Settings
from tests.support.command import write_scenario

SECRET = "sk-ant-oat01-" + "value-of-the-error-" * 3
ERRORS = (
    ValueError(SECRET),
    UnicodeError(SECRET),
    RecursionError(SECRET),
    MemoryError(SECRET),
    AssertionError(SECRET),
    json.JSONDecodeError(SECRET, "", 0),
    ExceptionGroup(SECRET, [ValueError(SECRET)]),
)
ENDPOINT = '{url: "https://api.anthropic.com/v1/messages"}'


def scenario(*names: str) -> str:
    """Return a scenario with a request for each of these names."""
    return f"""
id: faults
title: Requests, of which some make authprobe fail
why: To show that the others are told.
sources: [https://example.org/]
endpoints: {{{", ".join(f"{name}: {ENDPOINT}" for name in names)}}}
matrix: {{client: [raw-http], endpoint: [{", ".join(names)}], credential: [none]}}
expect: {{outcome: rejected}}
"""


SCENARIO = scenario("first", "second")


@pytest.fixture(autouse=True)
def emulator_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve the runs of these tests from a thread, which starts in a tenth of the time."""
    monkeypatch.setattr(laboratory, "RemoteNetwork", Network)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (probe, "_observe"),
        (probe, "inspect_home"),
        (probe, "_mask_cache_path"),
        (record, "judge"),
        (record, "find_findings"),
        (record, "_diagnose"),
        (record, "dump_record"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_errors_at_any_stage_are_those_of_their_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Each error is raised for a case of its own, and none for the last one."""
    errors = iter(ERRORS)
    original = getattr(module, name)

    def act(*arguments: Any, **options: Any) -> Any:
        if not any(map(is_of_a_failure, arguments)) and (error := next(errors, None)):
            raise error.with_traceback(None)  # without the places of other tests
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, act)
    path = write_scenario(tmp_path, scenario(*(f"e{number}" for number in range(len(ERRORS) + 1))))
    settings = Settings(out=tmp_path, scenarios=(path,), jobs=1)
    run = runner.execute_plan(runner.load_plan(settings), LogReporter())
    failed = [case for case in run.cases if is_of_a_failure(case)]
    assert len(run.cases) == len(failed) + 1
    assert {case.verdict.status for case in failed} == {"error"}
    assert sorted(
        (case.observation.detail or "").partition(" in ")[0] for case in failed
    ) == sorted(f"authprobe itself failed on this case: {type(error).__name__}" for error in ERRORS)
    assert "value-of-the-error" not in str(run)


def is_of_a_failure(value: Any) -> bool:
    """Return True for the observation, or the record, of a case on which authprobe failed."""
    observation = getattr(value, "observation", value)
    return getattr(observation, "outcome", None) is Outcome.UNAVAILABLE


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_error_while_a_client_is_installed_is_that_of_its_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error.with_traceback(None)  # without the places of other tests

    monkeypatch.setattr(Cache, "_find_user_program", fail)
    monkeypatch.setenv("AUTHPROBE_CACHE", str(tmp_path / "cache"))
    entry = "{client: claude-code@installed, endpoint: default, credential: none}"
    text = f"{SCENARIO}include: [{entry}]\n"
    settings = Settings(out=tmp_path, scenarios=(write_scenario(tmp_path, text),))
    run = runner.execute_plan(runner.load_plan(settings), LogReporter())
    failed, *others = sorted(run.cases, key=lambda case: case.client)
    assert [case.verdict.status for case in (failed, *others)] == ["error", "passed", "passed"]
    assert (failed.observation.detail or "").startswith(
        "claude-code@installed cannot be installed: authprobe itself failed: "
        f"{type(error).__name__} in clients/installation/cache.py: "
    )
    assert "value-of-the-error" not in str(run)


def test_keyboard_interrupt_is_no_error_of_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> Observation:
        raise KeyboardInterrupt

    monkeypatch.setattr(probe, "_observe", interrupt)
    with pytest.raises(KeyboardInterrupt):
        probe.probe_case(None, None)  # type: ignore[arg-type]


def test_words_of_a_fault_name_its_innermost_function_of_ours() -> None:
    try:
        raw_http.read_error(None)  # type: ignore[arg-type]
    except (TypeError, AttributeError) as error:
        words = fault_words(error)
    assert words.endswith("Error in clients/raw_http.py: read_error")
    assert failed_observation(ValueError(SECRET)).detail == (
        "authprobe itself failed on this case: ValueError in a library; please report it"
    )


@pytest.mark.parametrize("name", sorted(files.TEXT_REPORTS))
def test_report_that_cannot_be_made_costs_no_other(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    from authprobe.commands.run import run

    def fail(_: object) -> str:
        raise ValueError(SECRET)

    monkeypatch.setitem(files.TEXT_REPORTS, name, fail)
    settings = Settings(
        out=tmp_path / "out", scenarios=(write_scenario(tmp_path, SCENARIO),), history="none"
    )
    code = run(settings, None, only_list=False, as_json=False)
    printed = capsys.readouterr()
    assert code == ExitCode.BUG
    assert f"{name} could not be made: ValueError in " in printed.out + printed.err
    assert "value-of-the-error" not in printed.out + printed.err
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"results.json", "report.html", *files.TEXT_REPORTS} - written == {name}


@pytest.mark.parametrize(
    ("module", "name"), [(partial_results, "dump_record"), (scanner, "scan_text")]
)
def test_case_that_cannot_be_kept_at_once_is_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    def fail(_: object) -> str:
        raise RecursionError(SECRET)

    monkeypatch.setattr(module, name, fail)
    settings = Settings(out=tmp_path, scenarios=(write_scenario(tmp_path, SCENARIO),))
    run = runner.execute_plan(runner.load_plan(settings), LogReporter())
    assert [case.verdict.status for case in run.cases] == ["passed", "passed"]


def test_error_while_reports_are_searched_keeps_the_finished_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from authprobe.commands.run import run

    def fail(*_: object) -> tuple[()]:
        raise RecursionError(SECRET)

    monkeypatch.setattr(publishing, "scan_text", fail)
    out = tmp_path / "out"
    settings = Settings(out=out, scenarios=(write_scenario(tmp_path, SCENARIO),), history="none")
    code = run(settings, None, only_list=False, as_json=False)
    printed = capsys.readouterr()
    assert code == ExitCode.BUG
    assert "could not be looked through for credentials: RecursionError in " in printed.err
    assert "value-of-the-error" not in printed.out + printed.err
    assert len((out / "results.partial.jsonl").read_text().splitlines()) == 2
