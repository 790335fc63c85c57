"""Probes of many versions, here and on the workers of a cluster."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import Mock

import pytest

from authprobe.engine import probe
from authprobe.engine.progress import NullReporter
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.settings import Settings
from authprobe.trials.log import ProbeLog, Trial
from authprobe.trials.scheduler import ProbeScheduler, probe_until_done
from tests.support.make import make_case, make_observation


def test_a_case_that_no_worker_can_probe_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "probe_case", lambda laboratory, case: make_observation())
    finished = Mock()
    reporter = NullReporter()
    monkeypatch.setattr(reporter, "finish_step", finished)
    with ProbeScheduler(Settings(jobs=1), Redactor(), reporter, disk_bytes=10**9) as scheduler:
        scheduler._opened = Mock(cache=Mock(installs=1, new_bytes=3))
        scheduler._remote = Mock(
            installs={"worker": 2},
            new_bytes={"worker": 5},
            probe=lambda cases: scheduler._probe_here(cases, "probing"),
        )
        case = make_case()
        assert [each.id for each, _ in scheduler.probe([case])] == [case.id]
    counts = scheduler.probes, scheduler.installs, scheduler.disk_peak_bytes
    assert counts == (1, 1 + 2, 3 + 5)
    assert [call.args for call in finished.call_args_list].count((case.id,)) == 1


def test_the_progress_of_later_rounds_says_which_round_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def next_cases(trials: Sequence[Trial], attempts: Counter[str]) -> list[Case]:
        return [case] if attempts[case.id] < 3 else []

    monkeypatch.setattr(probe, "probe_case", lambda laboratory, case: make_observation())
    case, reporter, began = make_case(), NullReporter(), Mock()
    monkeypatch.setattr(reporter, "begin_stage", began)
    log = ProbeLog(tmp_path / "trials.jsonl")
    with ProbeScheduler(Settings(jobs=1), log.redactor, reporter, disk_bytes=10**9) as scheduler:
        scheduler._opened = Mock(cache=Mock(installs=0, new_bytes=0))
        assert probe_until_done(next_cases, [], scheduler, log, reporter) is None
    assert [call.args[0] for call in began.call_args_list] == [
        "installing and probing",
        "installing and probing, round 2",
        "installing and probing, round 3",
    ]
