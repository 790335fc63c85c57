"""The history, on SQLite and on a real PostgreSQL."""

import datetime
import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authprobe.errors import HistoryError
from authprobe.observation.model import Observation, Outcome
from authprobe.run.history.database import History, last_points
from authprobe.run.history.model import redact_url
from authprobe.run.history.worker import HistoryWorker
from authprobe.run.model import Run
from tests.support import postgresql
from tests.support.make import make_observation, make_record, make_run

REFUSED = make_observation(outcome=Outcome.REJECTED, status=401, message="no")
DAY = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "history.db")
    address: str = request.getfixturevalue("server")
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return address.replace("/postgres?", f"/{name}?")


def run_of(day: int, *seen: Observation, names: str = "abc") -> Run:
    """A run on this day, in which the cases a, b, … were seen so."""
    records = [make_record(id=id, observation=x) for id, x in zip(names, seen, strict=False)]
    return make_run(*records, id=uuid.uuid4().hex, started_at=DAY + datetime.timedelta(days=day))


def keep(place: str, *runs: Run, limit: int = 400) -> None:
    """Append these runs."""
    for run in runs:
        with History(place) as history:
            history.append(run, keep=limit)


def test_a_case_has_a_point_for_each_run(place: str) -> None:
    good = make_observation()
    keep(place, run_of(0, good, good), run_of(1, good, REFUSED), run_of(2, REFUSED))
    points = last_points(place, [("a", ()), ("b", ())])
    assert [point.seen.outcome for point in points["a"]] == ["accepted", "accepted", "rejected"]
    assert [point.at.day for point in points["a"]] == [1, 2, 3]
    assert [point.since.day for point in points["a"]] == [1, 1, 3]
    assert [point.since.day for point in points["b"]] == [1, 2]
    with History(place) as history:
        assert history.case("a") == points["a"]
        assert history.case_ids() == ("a", "b")
        assert [(run.cases, run.at.day) for run in history.runs()] == [(2, 1), (2, 2), (1, 3)]


def test_the_last_twenty_points_are_looked_at(place: str) -> None:
    keep(place, *(run_of(day, make_observation()) for day in range(25)))
    points = last_points(place, [("a", ())])["a"]
    assert [point.at for point in points] == [
        DAY + datetime.timedelta(days=day) for day in range(5, 25)
    ]


def test_the_oldest_runs_go(place: str) -> None:
    runs = [run_of(day, REFUSED if day == 0 else make_observation()) for day in range(5)]
    keep(place, *runs, limit=3)
    with History(place) as history:
        assert [run.id for run in history.runs()] == [run.id for run in runs[2:]]
        assert len(history.case("a")) == 3


def test_a_renamed_case_takes_its_past_along(place: str) -> None:
    keep(place, run_of(0, make_observation(), names="o"))
    assert [p.at.day for p in last_points(place, [("n", ("o",))])["n"]] == [1]
    renamed = make_record(id="n", formerly=("o",))
    keep(place, make_run(renamed, id="1" * 32, started_at=DAY + datetime.timedelta(days=1)))
    with History(place) as history:
        assert [point.at.day for point in history.case("n")] == [1, 2]
        assert history.case("o") == ()


def test_runs_that_end_at_once_are_all_kept(place: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda day: keep(place, run_of(day, make_observation())), range(16)))
    with History(place) as history:
        assert len(history.runs()) == 16
        assert len({point.run_id for point in history.case("a")}) == 16


def test_a_newer_history_is_left_alone(place: str) -> None:
    keep(place, run_of(0, make_observation()))
    with History(place) as history:
        import sqlalchemy as sa

        with history._engine.begin() as connection:
            connection.execute(sa.text("UPDATE authprobe_schema SET version = 9"))
    with pytest.raises(HistoryError, match=r"it has schema version 9.*use a newer authprobe"):
        keep(place, run_of(1, make_observation()))


def test_no_history_is_no_trouble(tmp_path: Path) -> None:
    assert last_points("none", [("a", ())]) == {}
    past = HistoryWorker("none", 9)
    past.append(run_of(0, make_observation()))
    assert (past.trouble, past.points()) == (None, {})


def damage(path: Path) -> None:
    path.write_bytes(b"this is no database, but long enough to be read as one" * 40)


def damage_within(path: Path) -> None:
    keep(str(path), run_of(0, *[REFUSED] * 3))
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    path.write_bytes(content)


def take_a_foreign_one(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def lose_a_column(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE authprobe_schema (other)")
    connection.close()


def make_a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damage, "the file is damaged; move it away, or use another one with --history"),
        (damage_within, "move it away, or use another one with --history"),
        (take_a_foreign_one, "this is the database of something else; move it away"),
        (lose_a_column, "its tables are not as they should be; move it away"),
        (make_a_folder, "it cannot be opened or written"),
    ],
)
def test_a_history_that_cannot_be_used_is_one_line_with_a_remedy(
    spoil: object, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "history.db"
    spoil(path)  # type: ignore[operator]
    before = None if path.is_dir() else path.read_bytes()
    past = HistoryWorker(str(path), 9)
    past.look([])
    past.append(run_of(1, make_observation()))
    assert past.trouble is not None
    assert said in past.trouble
    assert "\n" not in past.trouble
    assert before is None or path.read_bytes() == before


def test_a_locked_history_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authprobe.run.history.database.PATIENCE", 0.1)
    path = tmp_path / "history.db"
    keep(str(path), run_of(0, make_observation()))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(HistoryError, match=r"has kept it locked.*try again"):
            keep(str(path), run_of(1, make_observation()))
    finally:
        other.close()


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("postgresql://u:hidden@host:5432/db", "postgresql://u@host:5432/db"),
        ("postgresql://u:hid@den@host/db?password=hidden", "postgresql://u@host/db"),
        ("postgresql:///db?host=/run&password=hidden", "postgresql:///db"),
        ("reports/history.db", "reports/history.db"),
    ],
)
def test_a_place_is_shown_without_its_password(place: str, shown: str) -> None:
    assert redact_url(place) == shown


@pytest.mark.parametrize(
    "place",
    [
        "postgresql://u:hidden@127.0.0.1:1/db",
        "postgresql+psycopg://u:hidden@127.0.0.1:1/db",
        "mysql://u:hidden@127.0.0.1/db",
        "nonsense://u:hidden@127.0.0.1/db",
        "postgresql://u:hidden@127.0.0.1:port/db",
    ],
)
def test_no_trouble_shows_a_password(place: str) -> None:
    with pytest.raises(HistoryError) as raised:
        last_points(place, [("a", ())])
    assert "hidden" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_wrong_password_is_told_without_it(server: str) -> None:
    with pytest.raises(HistoryError, match="the database refuses this user") as raised:
        last_points(server.replace("made-up-password", "another-one"), [("a", ())])
    assert "another-one" not in str(raised.value)
