"""The plan of a run, and errors at its start."""

import json
import signal
from pathlib import Path
from unittest.mock import Mock

import pytest

from authprobe.core.isolation import Isolation
from authprobe.emulator.server import worker
from authprobe.engine import runner
from authprobe.engine.progress import LogReporter
from authprobe.errors import SettingsError
from authprobe.run.baseline import absent_cases, baseline_from_run
from authprobe.run.model import CaseRecord
from authprobe.run.partial_results import PARTIAL_FILE, PartialResults
from authprobe.settings import Settings
from tests.commands.test_run import SCENARIO
from tests.support.make import make_record, make_run


def test_emulator_that_does_not_start_is_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WORKER_CODE", "raise SystemExit(1) #")
    settings = Settings(out=tmp_path, clients=("raw-http",))
    with pytest.raises(
        SettingsError, match="nothing can be probed here: the emulator process has ended"
    ):
        runner.execute_plan(runner.load_plan(settings), LogReporter())


def test_a_deleted_bundled_scenario_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = tmp_path / "bundled"
    (bundled / "incidents").mkdir(parents=True)
    for module in ("authprobe.settings", "authprobe.engine.runner"):
        monkeypatch.setattr(f"{module}.bundled_scenarios", lambda: bundled)
    for name in ("one", "two", "incidents/three", "incidents/four"):
        text = SCENARIO.replace("id: example", f"id: {Path(name).name}")
        (bundled / f"{name}.yaml").write_text(text)

    def plan(*given: str) -> runner.RunPlan:
        return runner.load_plan(Settings(scenarios=tuple(map(Path, given))))

    everything = plan(str(bundled))
    records = [make_record(id=case.id) for case in everything.cases]
    baseline = baseline_from_run(make_run(*records, scenarios=everything.scenarios))
    assert baseline.files["one"] == "bundled:/one.yaml"
    (bundled / "two.yaml").unlink()
    (bundled / "incidents" / "four.yaml").unlink()

    def absent(*given: str) -> set[str]:
        now = plan(*given)
        left = [make_record(id=case.id) for case in now.cases]
        found = absent_cases(baseline, left, now.scenarios, now.selection)
        return {id.partition("/")[0] for id in found}

    assert absent() == {"two"}
    assert absent("incidents") == {"four"}
    assert absent(str(bundled)) == {"two", "four"}
    assert absent(str(bundled / "one.yaml")) == set()


def test_a_case_that_is_recorded_when_the_run_is_interrupted_is_in_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "example.yaml").write_text(SCENARIO)
    add = PartialResults.add

    def add_and_interrupt(partial: PartialResults, record: CaseRecord) -> None:
        add(partial, record)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(PartialResults, "add", add_and_interrupt)
    settings = Settings(scenarios=(tmp_path / "example.yaml",), out=tmp_path / "out")
    run = runner.execute_plan(runner.load_plan(settings), LogReporter())
    assert run.interrupted
    partial = (tmp_path / "out" / PARTIAL_FILE).read_text().splitlines()
    assert [record.id for record in run.cases] == [json.loads(line)["id"] for line in partial]
    assert partial


@pytest.mark.parametrize(
    ("here", "there", "weakest"),
    [
        (Isolation.NONE, {Isolation.SEALED: None}, (Isolation.NONE, "no namespaces here")),
        (None, {Isolation.SEALED: None, Isolation.NETWORK: "x"}, (Isolation.NETWORK, "x")),
        (None, {}, (None, None)),
    ],
)
def test_isolation_of_a_distributed_run_is_the_weakest_of_all_machines(
    here: Isolation | None,
    there: dict[Isolation, str | None],
    weakest: tuple[Isolation | None, str | None],
) -> None:
    refusal = "no namespaces here" if here else None
    laboratory = Mock(children=Mock(known_isolation=here, known_refusal=refusal))
    assert runner._isolation(laboratory, Mock(isolations=there)) == weakest
