import contextlib
import pickle
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest

from authprobe.core.isolation import Isolation
from authprobe.engine.remote import worker
from authprobe.engine.remote.reasons import SECRET_KEPT
from authprobe.engine.remote.worker import Conditions
from authprobe.observation.model import Observation, Outcome
from authprobe.redaction.redactor import Redactor
from tests.support.make import make_case

SECRET = "sk-ant-api03-" + "Zq7" * 30 + "AA"
WORKER = "engine/remote/worker.py"


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
    (late,) = worker.probe_batch(conditions, [make_case()])
    assert f"RuntimeError in {WORKER}: _open" in (late.observation.detail or "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "function"), [("open_laboratory", "_open"), ("scan_text", "probe")]
)
def test_an_error_leaves_the_worker_as_a_text_without_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, function: str
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(SECRET, threading.Lock())  # no lock can be pickled

    monkeypatch.setenv("AUTHPROBE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(worker, name, fail)
    refused = Observation(outcome=Outcome.REJECTED, elapsed=1.0)
    monkeypatch.setattr(worker, "probe_case", lambda laboratory, case: refused)
    conditions = Conditions(run=name, isolation=Isolation.NONE)
    try:
        answers = worker.probe_batch(conditions, [make_case(), make_case()])
    finally:
        worker.close(name)
    assert [answer.observation.outcome for answer in answers] == [Outcome.UNAVAILABLE] * 2
    words = f"authprobe itself failed on this case: ValueError in {WORKER}: {function}; "
    assert all((answer.observation.detail or "").startswith(words) for answer in answers)
    assert SECRET.encode() not in pickle.dumps(answers)


def test_the_laboratory_of_a_killed_run_is_closed_when_another_one_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[int] = []
    closed: list[int] = []
    closed_while_used: list[int] = []

    def open_laboratory(stack: contextlib.ExitStack, *_: object) -> Mock:
        opened.append(number := len(opened))
        stack.callback(closed.append, number)
        return Mock(redactor=Redactor(), cache=Mock(companions=lambda client: {}))

    def probe(run: str) -> None:
        worker.probe_batch(Conditions(run=run, isolation=Isolation.NONE), [make_case()])

    def probe_case(*_: object) -> Observation:
        if len(opened) == 1:  # the first run is still in use when the second one begins
            probe("second")
            closed_while_used.extend(closed)
        return Observation(outcome=Outcome.ACCEPTED)

    monkeypatch.setattr(worker, "IDLE_TIMEOUT", 0.0)
    monkeypatch.setattr(worker, "open_laboratory", open_laboratory)
    monkeypatch.setattr(worker, "probe_case", probe_case)
    try:
        probe("first")
        assert (opened, closed_while_used) == ([0, 1], [])
        probe("third")
        assert closed == [0, 1]
        probe("first")  # it was slow, and not killed
        assert (opened, closed) == ([0, 1, 2, 3], [0, 1, 2])
    finally:
        for run in ("first", "second", "third"):
            worker.close(run)
    assert closed == [0, 1, 2, 3]
