"""The search of what a client of a live case has left for the secret of its user."""

from pathlib import Path

import pytest

from authprobe.clients import home_files
from authprobe.clients.home_inspection import PARTLY_SEARCHED
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.live.client_traces import ClientTraces
from authprobe.observation.model import Observation, Outcome
from authprobe.redaction.redactor import Redactor

SECRET = "sk-ant-api03-" + "Zq7" * 30 + "AA"
ACCEPTED = Observation(outcome=Outcome.ACCEPTED)


def searched(home: Path, stderr: str = "") -> Observation:
    """Return the observation of a client that left this home and this output."""
    redactor = Redactor()
    redactor.learn("OUR_KEY", SECRET)
    result = CompletedChild(
        exit_code=0,
        stdout="pong",
        stderr=stderr,
        exit_reason=ExitReason.EXITED,
        elapsed=0.1,
        truncated=False,
    )
    traces = ClientTraces(
        result=result,
        home_folder=home,
        gate_counts=(),
        host="api.anthropic.com",
        redactor=redactor,
        secrets=(SECRET,),
    )
    return traces.searched(ACCEPTED)


def test_a_secret_is_found_in_files_and_in_the_output(tmp_path: Path) -> None:
    (tmp_path / "clean").write_text("nothing")
    (tmp_path / "notes").write_text(f"my key is {SECRET}")
    observation = searched(tmp_path, stderr=f"sent {SECRET}")
    assert observation.leaks == ("~/notes", "its output (stderr)")
    assert observation.detail is None


def test_a_secret_is_found_in_the_name_of_a_file(tmp_path: Path) -> None:
    folder = tmp_path / SECRET
    folder.mkdir()
    (folder / "log").write_text("nothing")
    assert searched(tmp_path).leaks == ("~/[redacted:OUR_KEY]/log",)


def test_a_search_of_a_part_of_the_home_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_files, "MAX_FILE_BYTES", 100)
    (tmp_path / "large").write_text("x" * 101 + SECRET)
    observation = searched(tmp_path)
    assert (observation.leaks, observation.detail) == ((), PARTLY_SEARCHED)
