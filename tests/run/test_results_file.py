from pathlib import Path

import pytest

from authprobe.errors import RecordError
from authprobe.run.results_file import dump_run, read_run
from tests.support.make import make_observation, make_record, make_run


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
@pytest.mark.parametrize("elapsed", ["1.75", "2.25"], ids=["run", "observation"])
def test_a_time_that_no_report_can_show_is_rejected(
    tmp_path: Path, elapsed: str, number: str
) -> None:
    run = make_run(make_record(observation=make_observation(elapsed=2.25)), elapsed=1.75)
    path = tmp_path / "results.json"
    path.write_text(dump_run(run), encoding="utf-8")
    assert read_run(path) == run
    path.write_text(dump_run(run).replace(elapsed, number), encoding="utf-8")
    with pytest.raises(RecordError, match="elapsed must be a finite number"):
        read_run(path)
