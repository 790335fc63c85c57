"""Probes of many versions, here and on the workers of a cluster."""

from unittest.mock import Mock

import pytest

from authprobe.engine import probe
from authprobe.engine.progress import NullReporter
from authprobe.redaction.redactor import Redactor
from authprobe.settings import Settings
from authprobe.trials.scheduler import ProbeScheduler
from tests.support.make import make_case, make_observation


def test_a_case_that_no_worker_can_probe_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "probe_case", lambda laboratory, case: make_observation())
    finished = Mock()
    reporter = NullReporter()
    monkeypatch.setattr(reporter, "finish_step", finished)
    with ProbeScheduler(Settings(jobs=1), Redactor(), reporter, disk_bytes=10**9) as scheduler:
        scheduler._opened = Mock(cache=Mock(installs=1, new_bytes=3))
        scheduler._remote = Mock(
            installs={"worker": 2}, new_bytes={"worker": 5}, probe=scheduler._probe_here
        )
        case = make_case()
        assert [each.id for each, _ in scheduler.probe([case])] == [case.id]
    counts = scheduler.probes, scheduler.installs, scheduler.disk_peak_bytes
    assert counts == (1, 1 + 2, 3 + 5)
    assert [call.args for call in finished.call_args_list].count((case.id,)) == 1
