"""Whatever a checkout has in `reports/`: a run ends before it probes, and nothing else changes."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.command import Ended, run

SCENARIO: Final = """
id: example
title: "$(touch pwned)"
why: To have one.
sources: [https://example.org/1]
endpoints: {messages: {url: "https://api.anthropic.com/v1/messages"}}
matrix: {client: [raw-http], endpoint: [messages], credential: [none]}
expect: {outcome: rejected}
"""
FILES: Final = (
    *("results.json", "results.partial.jsonl", "results.interrupted.jsonl", ".lock"),
    *("report.html", "summary.md", "junit.xml", "ctrf.json"),
    *("history.db", "history.db-wal", "history.db-shm", "history.db-journal"),
)
REMEDY: Final = "is a symbolic link, not a regular file, and is left as it is; "


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with a scenario, in which the command is started."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "example.yaml").write_text(SCENARIO)
    return folder


def run_there(checkout: Path, *words: str) -> Ended:
    """Run the scenario, and check that nothing appeared beside the checkout."""
    ended = run("run", "example.yaml", *words, cwd=checkout, AUTHPROBE_HISTORY="")
    assert not list(checkout.parent.rglob("pwned"))
    return ended


@pytest.mark.parametrize("name", FILES)
def test_a_dangling_link_is_an_error_before_anything_is_probed(checkout: Path, name: str) -> None:
    victim = checkout.parent / ".bash_login"
    (checkout / "reports").mkdir()
    (checkout / "reports" / name).symlink_to(victim)
    ended = run_there(checkout)
    assert ended.code == 4
    assert f"'{name}' {REMEDY}" in ended.err
    assert "probing" not in ended.err
    assert not victim.exists()
    assert [path.name for path in (checkout / "reports").iterdir() if path.name != ".lock"] == (
        [] if name == ".lock" else [name]
    )


def test_a_link_in_the_place_of_the_folder_is_an_error(checkout: Path) -> None:
    home = checkout.parent / "elsewhere"
    home.mkdir()
    (checkout / "reports").symlink_to(home)
    for words in ((), ("--out", "reports/deep"), ("--out", str(checkout / "reports"))):
        ended = run_there(checkout, *words)
        assert ended.code == 4
        assert "'reports' is a symbolic link, which is not followed; name its target" in ended.err
    assert list(home.iterdir()) == []
    assert run_there(checkout, "--out", str(home)).code == 0
    assert (home / "report.html").is_file()


@pytest.mark.parametrize(
    "location", ["mysql://u:S3cr/etPw@h/db", "postgres://u:S3cr/etPw@h/db", "u:S3cr/etPw@h/db"]
)
def test_a_history_of_another_kind_is_an_error_without_its_password(
    checkout: Path, location: str
) -> None:
    for ended in (
        run_there(checkout, "--history", location),
        run("run", "example.yaml", cwd=checkout, AUTHPROBE_HISTORY=location),
        run("history", "--history", location, cwd=checkout),
    ):
        assert ended.code == 4
        assert "neither a file nor a postgresql:// URL" in ended.err
        assert "S3cr" not in ended.err
        assert "etPw" not in ended.err
    assert {path.name for path in checkout.iterdir()} == {"example.yaml", "home"}


def test_a_postgresql_server_that_is_not_there_is_told_without_its_password(
    checkout: Path,
) -> None:
    ended = run_there(checkout, "--history", "postgresql://u:S3cr/etPw@127.0.0.1:1/db")
    assert ended.code == 0
    assert "history postgresql://u@127.0.0.1:1/db: " in ended.err
    assert "S3cr" not in ended.err


def test_a_file_whose_name_begins_like_a_database_is_a_file(checkout: Path) -> None:
    assert run_there(checkout, "--history", "postgres-runs.db").code == 0
    assert (checkout / "postgres-runs.db").read_bytes().startswith(b"SQLite format 3\0")
    listed = run("history", "--history", "postgres-runs.db", cwd=checkout)
    assert (listed.code, listed.out.count("1 case")) == (0, 1)


def test_no_folder_is_left_in_the_temporary_directory(checkout: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert run("run", "example.yaml", cwd=checkout, TMPDIR=str(temporary)).code == 0
    assert list(temporary.iterdir()) == []
