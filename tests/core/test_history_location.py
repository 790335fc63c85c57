from pathlib import Path

import pytest

from authprobe.core.history_location import check_location, database_file, redact_location

PASSWORD = "S3cr/etPw"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("history.db", "history.db"),
        ("postgres-runs.db", "postgres-runs.db"),
        ("postgresql.db", "postgresql.db"),
        ("postgres/runs.db", "postgres/runs.db"),
        ("/srv/a:b@c.db", "/srv/a:b@c.db"),
        ("./a:b@c.db", "./a:b@c.db"),
        ("sqlite:///deep/history.db", "deep/history.db"),
        ("sqlite:////srv/history.db", "/srv/history.db"),
    ],
)
def test_a_file_is_told_from_a_database_server(location: str, path: str) -> None:
    assert database_file(location) == Path(path)
    assert redact_location(location) == str(Path(path))
    check_location(location)


@pytest.mark.parametrize("location", ["none", "postgresql://h/db", "postgresql+psycopg://u:p@h/db"])
def test_no_history_and_postgresql_are_no_files(location: str) -> None:
    assert database_file(location) is None
    check_location(location)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "mysql://u:S3cr/etPw@h/db",
        "postgres://u:S3cr/etPw@h/db",
        "Postgresql://u:S3cr/etPw@h/db",
        "postgresql:/u:S3cr/etPw@h/db",
        "postgresql:u:S3cr/etPw@h/db",
        "postgresql//u:S3cr/etPw@h/db",
        "postgresql/u:S3cr/etPw@h",
        "u:S3cr/etPw@h/db",
        "://u:S3cr/etPw@h/db",
        "http://h/?password=S3cr/etPw",
        "host=h password=S3cr/etPw",
        "sqlite://S3cr/etPw",
        "sqlite:///x?password=S3cr/etPw",
        "a\0S3cr/etPw",
    ],
)
def test_another_location_is_refused_without_its_password(location: str) -> None:
    with pytest.raises(ValueError, match=r"neither a file nor a postgresql:// URL") as raised:
        check_location(location)
    assert "S3cr" not in str(raised.value)
    assert "etPw" not in str(raised.value)


@pytest.mark.parametrize(
    ("location", "redacted"),
    [
        ("postgresql://u:S3cr/etPw@h/db", "postgresql://u@h/db"),
        ("postgresql://u:S3cr@etPw@h:5432/db", "postgresql://u@h:5432/db"),
        ("postgresql://u:S3cr#etPw@[::1]/db", "postgresql://u@[::1]/db"),
        ("postgresql://h/db?password=S3cretPw", "postgresql://h/db"),
        ("postgresql://h/db?password=S3cr@etPw", "postgresql:…"),
        ("postgresql://u:S3cr?etPw@h/db", "postgresql:…"),
        ("postgresql://u:S3cr/et@Pw/x@h/db", "postgresql://u@h/db"),
        ("postgresql://u:S3cretPw@h:port/db", "postgresql:…"),
        ("postgresql://u:S3cr etPw@h/d b", "postgresql:…"),
        ("postgresql://S3cret:Pw", "postgresql:…"),
        ("postgresql://u@x:S3cretPw@h/db", "postgresql:…"),
    ],
)
def test_only_the_clear_parts_of_a_url_are_shown(location: str, redacted: str) -> None:
    assert redact_location(location) == redacted
