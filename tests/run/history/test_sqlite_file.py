import sqlite3
import time
from pathlib import Path

import pytest

from authprobe.errors import HistoryError
from authprobe.run.history import sqlite_file
from authprobe.run.history.database import History, append, last_points
from tests.support.make import make_record, make_run
from tests.support.waiting import PATIENCE

ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a history with one run."""
    append(str(tmp_path / "history.db"), make_run(make_record(id="a")), 9)
    return tmp_path / "history.db"


def test_a_query_without_end_is_interrupted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "TIME_LIMIT", 0.2)
    connection = sqlite_file.connect(path, writable=False)
    began = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connection.execute(ENDLESS).fetchall()
    connection.close()
    assert time.monotonic() - began < PATIENCE
    monkeypatch.setattr(sqlite_file, "TIME_LIMIT", -1.0)
    monkeypatch.setattr(sqlite_file, "STEPS_BETWEEN_CHECKS", 1)
    with pytest.raises(HistoryError, match="reading it takes too long; move it away"):
        last_points(str(path), [("a", ())])


def test_a_reader_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    connection = sqlite_file.connect(path, writable=False)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM authprobe_runs")
    connection.close()
    assert path.read_bytes() == before


def test_the_schema_of_the_file_is_not_trusted(path: Path) -> None:
    connection = sqlite_file.connect(path, writable=False)
    assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    with pytest.raises(sqlite3.DataError, match="too big"):
        connection.execute("SELECT hex(zeroblob(100000000))").fetchall()
    connection.close()


@pytest.mark.parametrize("location", ["{}/none.db", "sqlite:///{}/none.db"])
def test_reading_a_missing_history_creates_nothing(tmp_path: Path, location: str) -> None:
    place = location.format(tmp_path)
    assert last_points(place, [("a", ())]) == {}
    with pytest.raises(HistoryError, match="there is no history yet"), History(place):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_a_crash_left_half_written_is_read(tmp_path: Path, path: Path) -> None:
    journal = Path(f"{path}-journal")
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        for number in range(2000):
            database.execute("INSERT INTO authprobe_facts VALUES (?, ?)", (number, "x" * 500))
        interrupted = path.read_bytes(), journal.read_bytes()
        database.execute("ROLLBACK")
    database.close()
    path.write_bytes(interrupted[0])
    journal.write_bytes(interrupted[1])
    assert set(last_points(str(path), [("a", ())])) == {"a"}
