"""Errors at the start of a run."""

from pathlib import Path

import pytest

from authprobe.emulator.server import worker
from authprobe.engine import runner
from authprobe.engine.progress import LogReporter
from authprobe.errors import SettingsError
from authprobe.settings import Settings


def test_emulator_that_does_not_start_is_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WORKER_CODE", "raise SystemExit(1) #")
    settings = Settings(out=tmp_path, clients=("raw-http",))
    with pytest.raises(
        SettingsError, match="nothing can be probed here: the emulator process has ended"
    ):
        runner.execute_plan(runner.load_plan(settings), LogReporter())
