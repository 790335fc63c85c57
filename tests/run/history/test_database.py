"""History database, on SQLite and on a real PostgreSQL."""

import contextlib
import datetime
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authprobe.core.history_location import redact_location
from authprobe.errors import HistoryError
from authprobe.observation.fingerprint import fingerprint
from authprobe.observation.model import Observation, Outcome, Session
from authprobe.run.history import database
from authprobe.run.history.database import History, last_points
from authprobe.run.history.model import Point
from authprobe.run.history.worker import HistoryWorker
from authprobe.run.model import Run
from authprobe.settings import MAX_HISTORY_RUNS
from tests.support import postgresql
from tests.support.make import make_exchange, make_observation, make_record, make_run

REFUSED = make_observation(outcome=Outcome.REJECTED, status=401, message="no")
DAY = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server."""
    with postgresql.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the location of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "history.db")
    url: str = request.getfixturevalue("server")
    return create_database(url)


def create_database(url: str) -> str:
    """Return the URL of a new database on this server."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def version_1(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the location of a database by authprobe 0.1, with a run before and after an upgrade.

    The statements are those that `sqlite3.iterdump` and `pg_dump --inserts` gave for it.
    """
    dump = Path(__file__).with_name(f"version_1_{request.param}.sql").read_text()
    if request.param == "sqlite":
        path = tmp_path / "history.db"
        with contextlib.closing(sqlite3.connect(path)) as old:
            old.executescript(dump)
        return str(path)
    url = create_database(request.getfixturevalue("server"))
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(dump.encode())
    return url


def run_of(day: int, *observations: Observation, names: str = "abc") -> Run:
    """Return a run on this day with these observations of the cases a, b, …"""
    pairs = zip(names, observations, strict=False)
    records = [make_record(id=id, observation=observation) for id, observation in pairs]
    return make_run(*records, id=uuid.uuid4().hex, started_at=DAY + datetime.timedelta(days=day))


def append(location: str, *runs: Run, max_runs: int = 400) -> None:
    """Append these runs to the history."""
    for run in runs:
        with History(location, writable=True) as history:
            history.append(run, max_runs=max_runs)


def test_a_case_has_a_point_for_each_run(location: str) -> None:
    good = make_observation()
    append(location, run_of(0, good, good), run_of(1, good, REFUSED), run_of(2, REFUSED))
    points = last_points(location, [("a", ()), ("b", ())])
    assert [point.fingerprint.outcome for point in points["a"]] == [
        "accepted",
        "accepted",
        "rejected",
    ]
    assert [point.at.day for point in points["a"]] == [1, 2, 3]
    assert [point.since.day for point in points["a"]] == [1, 1, 3]
    assert [point.since.day for point in points["b"]] == [1, 2]
    with History(location) as history:
        assert history.case("a") == points["a"]
        assert history.case_ids() == ("a", "b")
        assert [(run.cases, run.at.day) for run in history.runs()] == [(2, 1), (2, 2), (1, 3)]


def test_the_fingerprint_of_a_point_equals_that_of_the_observation(location: str) -> None:
    sessions = (Session(outcome=Outcome.ACCEPTED), Session(outcome=Outcome.REJECTED, status=401))
    observation = make_observation(sessions=sessions, exchanges=(make_exchange(),))
    append(location, run_of(0, observation))
    (point,) = last_points(location, [("a", ())])["a"]
    assert point.fingerprint == fingerprint(observation)


def test_only_the_last_twenty_points_are_returned(location: str) -> None:
    append(location, *(run_of(day, make_observation()) for day in range(25)))
    points = last_points(location, [("a", ())])["a"]
    assert [point.at for point in points] == [
        DAY + datetime.timedelta(days=day) for day in range(5, 25)
    ]


def test_the_oldest_runs_are_deleted(location: str) -> None:
    runs = [run_of(day, REFUSED if day == 0 else make_observation()) for day in range(5)]
    append(location, *runs, max_runs=3)
    with History(location) as history:
        assert [run.id for run in history.runs()] == [run.id for run in runs[2:]]
        assert len(history.case("a")) == 3


def test_the_largest_number_of_runs_keeps_all(location: str) -> None:
    append(location, run_of(0), run_of(1), max_runs=MAX_HISTORY_RUNS)
    with History(location) as history:
        assert len(history.runs()) == 2


def test_a_renamed_case_keeps_its_results(location: str) -> None:
    append(location, run_of(0, make_observation(), names="o"))
    assert [p.at.day for p in last_points(location, [("n", ("o",))])["n"]] == [1]
    renamed = make_record(id="n", formerly=("o",))
    append(location, make_run(renamed, id="1" * 32, started_at=DAY + datetime.timedelta(days=1)))
    with History(location) as history:
        assert [point.at.day for point in history.case("n")] == [1, 2]
        assert history.case("o") == ()


def test_runs_that_end_at_the_same_time_are_all_recorded(location: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda day: append(location, run_of(day, make_observation())), range(16)))
    with History(location) as history:
        assert len(history.runs()) == 16
        assert len({point.run_id for point in history.case("a")}) == 16


def test_a_history_of_a_newer_schema_is_rejected(location: str) -> None:
    append(location, run_of(0, make_observation()))
    with History(location, writable=True) as history:
        import sqlalchemy as sa

        with history._engine.begin() as connection:
            connection.execute(sa.text("UPDATE authprobe_schema SET version = 9"))
    with pytest.raises(HistoryError, match=r"schema version 9, but.*use a newer authprobe"):
        append(location, run_of(1, make_observation()))


def test_without_a_history_there_are_no_points_and_no_error(tmp_path: Path) -> None:
    assert last_points("none", [("a", ())]) == {}
    worker = HistoryWorker("none", 9)
    worker.append(run_of(0, make_observation()))
    assert (worker.trouble, worker.points()) == (None, {})


def damage(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be parsed as one" * 40)


def damage_pages(path: Path) -> None:
    append(str(path), run_of(0, *[REFUSED] * 3))
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    path.write_bytes(content)


def create_other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()


def create_wrong_columns(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE authprobe_schema (other)")
    connection.close()


def create_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damage, "the file is damaged; move it away, or choose another history with --history"),
        (damage_pages, "move it away, or choose another history with --history"),
        (create_other_database, "the file is the database of another program; move it away"),
        (create_wrong_columns, "its tables have unexpected columns; move it away"),
        (create_folder, "is a directory, not a regular file, and is left as it is; remove it"),
    ],
)
def test_an_unusable_history_is_one_line_with_a_remedy(
    spoil: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "history.db"
    spoil(path)  # type: ignore[operator]
    before = None if path.is_dir() else path.read_bytes()
    worker = HistoryWorker(str(path), 9)
    worker.prefetch([])
    worker.append(run_of(1, make_observation()))
    assert worker.trouble is not None
    assert message in worker.trouble
    assert "\n" not in worker.trouble
    assert before is None or path.read_bytes() == before


def test_a_locked_history_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 0.1)
    path = tmp_path / "history.db"
    append(str(path), run_of(0, make_observation()))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(HistoryError, match=r"kept it locked.*try again"):
            append(str(path), run_of(1, make_observation()))
    finally:
        other.close()


@pytest.mark.parametrize(
    ("location", "redacted"),
    [
        ("postgresql://u:hidden@host:5432/db", "postgresql://u@host:5432/db"),
        ("postgresql://u:hid@den@host/db?password=hidden", "postgresql://u@host/db"),
        ("postgresql:///db?host=/run&password=hidden", "postgresql:///db"),
        ("reports/history.db", "reports/history.db"),
    ],
)
def test_a_location_is_redacted(location: str, redacted: str) -> None:
    assert redact_location(location) == redacted


@pytest.mark.parametrize(
    "location",
    [
        "postgresql://u:hidden@127.0.0.1:1/db",
        "postgresql+psycopg://u:hidden@127.0.0.1:1/db",
        "mysql://u:hidden@127.0.0.1/db",
        "nonsense://u:hidden@127.0.0.1/db",
        "postgresql://u:hidden@127.0.0.1:port/db",
    ],
)
def test_no_error_contains_the_password(location: str) -> None:
    with pytest.raises(HistoryError) as error:
        last_points(location, [("a", ())])
    assert "hidden" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_password_is_an_error_without_the_password(server: str) -> None:
    with pytest.raises(HistoryError, match="the database rejects this user") as error:
        last_points(server.replace("made-up-password", "another-one"), [("a", ())])
    assert "another-one" not in str(error.value)


FRESH, REVOKED = (f"pinned/claude-code/default/{name}" for name in ("fresh", "revoked"))


def at(version: str, question: str) -> str:
    """Return the id of a question at this version of the client."""
    return question.replace("claude-code", f"claude-code@{version}")


def pinned(version: str, observation: Observation = REFUSED, *, day: int = 40) -> Run:
    """Return a run of one question at this version."""
    record = make_record(id=at(version, FRESH), client_version=version, observation=observation)
    started_at = DAY + datetime.timedelta(days=day)
    return make_run(record, id=uuid.uuid4().hex, started_at=started_at)


def schema_version(location: str) -> int | None:
    """Return the schema version that is stored."""
    with History(location) as history:
        return history._schema_version


def versions(points: Iterable[Point]) -> list[str | None]:
    """Return the versions of the client that ran."""
    return [point.client_version for point in points]


def test_a_history_of_version_1_is_read_as_it_is(version_1: str) -> None:
    ids = [at("2.1.332", FRESH), at("2.1.332", REVOKED), at("2.1.112", FRESH)]
    points = last_points(version_1, [(id, ()) for id in ids])
    assert [versions(points[id]) for id in ids] == [["2.1.112", "2.1.332"]] * 2 + [["2.1.112"]]
    with History(version_1) as history:
        assert len(history.runs()) == 2
        assert history.case(ids[0]) == history.question(FRESH) == points[ids[0]]
        assert history.question("pinned/claude-code/default/other") == ()
    assert schema_version(version_1) == 1


def test_a_history_of_version_1_is_migrated_by_the_next_run(version_1: str) -> None:
    before = last_points(version_1, [(at("2.1.332", FRESH), ())])[at("2.1.332", FRESH)]
    append(version_1, pinned("2.1.340"))
    assert schema_version(version_1) == 2
    append(version_1, pinned("2.1.340", day=41))
    points = last_points(version_1, [(at("2.1.340", FRESH), ())])[at("2.1.340", FRESH)]
    assert points[:2] == before
    assert versions(points) == ["2.1.112", "2.1.332", "2.1.340", "2.1.340"]
    assert [point.since == points[2].at for point in points] == [False, False, True, True]
    with History(version_1) as history:
        assert history.question(FRESH) == points
        assert len(history.question(REVOKED)) == 2
        assert len(history.case_ids()) == 7


def test_runs_that_end_at_the_same_time_migrate_a_history_once(version_1: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda day: append(version_1, pinned("2.1.340", day=day)), range(40, 52)))
    with History(version_1) as history:
        assert len(history.runs()) == 14
        assert len(history.question(FRESH)) == 14


def test_a_history_of_version_1_in_a_file_that_is_read_only_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("version_1_sqlite.sql").read_text())
    path.chmod(0o444)
    before = path.read_bytes()
    assert len(last_points(str(path), [(at("2.1.332", FRESH), ())])[at("2.1.332", FRESH)]) == 2
    assert path.read_bytes() == before


def test_a_question_is_the_same_since_before_an_upgrade_that_changed_nothing(
    location: str,
) -> None:
    append(location, pinned("2.1.9"), pinned("2.1.31", day=41), pinned("2.1.112", day=42))
    changed = pinned("2.1.332", make_observation(), day=43)
    append(location, changed)
    with History(location) as history:
        points = history.case(at("2.1.332", FRESH))
    assert versions(points) == ["2.1.9", "2.1.31", "2.1.112", "2.1.332"]
    assert [point.since for point in points] == [points[0].at] * 3 + [changed.started_at]


def test_more_questions_than_one_query_can_name_are_all_answered(location: str) -> None:
    ids = [f"s/raw-http/m/{number}" for number in range(600)]
    append(location, make_run(*(make_record(id=id) for id in ids), id=uuid.uuid4().hex))
    assert last_points(location, [(id, ()) for id in ids]).keys() == set(ids)
