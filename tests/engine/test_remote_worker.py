from pathlib import Path

import pytest

from authprobe.core.isolation import Isolation
from authprobe.engine.remote import worker
from authprobe.engine.remote.reasons import SECRET_KEPT
from authprobe.engine.remote.worker import Conditions
from authprobe.observation.model import Observation, Outcome
from tests.support.make import make_case

SECRET = "sk-ant-api03-" + "Zq7" * 30 + "AA"


@pytest.mark.slow
def test_an_observation_with_a_credential_does_not_leave_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHPROBE_CACHE", str(tmp_path / "cache"))
    leaking = Observation(outcome=Outcome.ACCEPTED, elapsed=1.0, message=f"I use {SECRET}")
    monkeypatch.setattr(worker, "probe_case", lambda laboratory, case: leaking)
    conditions = Conditions(run="leak", isolation=Isolation.NONE)
    try:
        (answer,) = worker.probe_batch(conditions, [make_case()])
    finally:
        worker.close("leak")
    assert answer.observation.outcome is Outcome.UNAVAILABLE
    assert answer.observation.detail == SECRET_KEPT
    assert SECRET not in repr(answer)
    with pytest.raises(RuntimeError, match="has ended"):
        worker.probe_batch(conditions, [make_case()])
