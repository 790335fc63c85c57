"""Whatever stands in the place of a file: nothing elsewhere changes, and nothing waits."""

import os
import socket
import sqlite3
import stat
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authprobe.core.safe_files import (
    check_database,
    check_places,
    create_file,
    is_missing,
    locked_folder,
    make_folder,
    open_log,
    read_bounded,
    rename,
    write_atomically,
)

CANARY = "of the user\n"


def dangling(place: Path, victim: Path) -> None:
    """Put a link to a file that does not exist in the place."""
    place.symlink_to(victim.with_name("created"))


def live(place: Path, victim: Path) -> None:
    """Put a link to a file of the user in the place."""
    place.symlink_to(victim)


def fifo(place: Path, victim: Path) -> None:
    """Put a FIFO in the place."""
    os.mkfifo(place)


def directory(place: Path, victim: Path) -> None:
    """Put a directory in the place."""
    place.mkdir()


def unix_socket(place: Path, victim: Path) -> None:
    """Put a socket in the place."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))


def device(place: Path, victim: Path) -> None:
    """Put a link to a device in the place."""
    place.symlink_to("/dev/full")


def hard_link(place: Path, victim: Path) -> None:
    """Put another name of the user's file in the place."""
    place.hardlink_to(victim)


NOT_REGULAR = (dangling, live, fifo, directory, unix_socket, device)
WRITERS: dict[str, Callable[[Path], object]] = {
    "whole": lambda path: write_atomically(path, "x"),
    "new": create_file,
    "log": lambda path: open_log(path).close(),
    "renamed": lambda path: rename(path, "other"),
    "checked": lambda path: check_places(path.parent, [path.name]),
    "database": check_database,
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a report, relative to the working directory."""
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("reports", "file")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a file of the user."""
    path = tmp_path / "victim"
    path.write_text(CANARY)
    return path


@pytest.mark.parametrize("obstacle", NOT_REGULAR)
@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_is_written_where_something_else_stands(
    place: Path, victim: Path, writer: str, obstacle: Callable[[Path, Path], None]
) -> None:
    obstacle(place, victim)
    mode = place.lstat().st_mode
    with pytest.raises(OSError, match=r"not a regular file, and is left as it is|File exists"):
        WRITERS[writer](place)
    assert victim.read_text() == CANARY
    assert sorted(path.name for path in victim.parent.iterdir()) == ["reports", "victim"]
    assert [path.name for path in place.parent.iterdir()] == ["file"]
    assert place.lstat().st_mode == mode


@pytest.mark.parametrize("writer", ["log", "database"])
def test_a_file_with_another_name_is_not_appended_to(
    place: Path, victim: Path, writer: str
) -> None:
    hard_link(place, victim)
    with pytest.raises(OSError, match="hard link"):
        WRITERS[writer](place)
    assert victim.read_text() == CANARY


def test_a_hard_link_is_replaced_not_written_through(place: Path, victim: Path) -> None:
    hard_link(place, victim)
    write_atomically(place, "report")
    assert (place.read_text(), victim.read_text()) == ("report", CANARY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("writer", ["log", "database"])
def test_a_file_of_another_user_in_a_shared_folder_is_not_appended_to(
    place: Path, writer: str
) -> None:
    place.parent.chmod(0o1777)
    place.touch()
    os.chown(place, 65534, 65534)
    with pytest.raises(OSError, match="belongs to another user"):
        WRITERS[writer](place)
    os.chown(place.parent, 65534, 65534)  # root in the checkout of a user
    WRITERS[writer](place)


@pytest.mark.parametrize("name", ["linked", "linked/deep", "linked/a/b"])
def test_no_link_below_the_working_directory_is_followed(
    place: Path, victim: Path, name: str
) -> None:
    outside = victim.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    Path("linked").symlink_to(outside)
    for folder in (Path(name), Path.cwd() / name):
        with pytest.raises(OSError, match=r"'linked' is a symbolic link, which is not followed; "):
            make_folder(folder)
        with pytest.raises(OSError, match="symbolic link"):
            write_atomically(folder / "file", "x")
    assert [path.name for path in outside.iterdir()] == ["deep"]


def test_the_last_part_of_a_path_elsewhere_is_no_link_either(place: Path, victim: Path) -> None:
    os.chdir("reports")
    outside = victim.parent / "outside"
    outside.mkdir()
    (victim.parent / "linked").symlink_to(outside)
    write_atomically(victim.parent / "outside" / "file", "x")
    with pytest.raises(OSError, match="symbolic link"):
        write_atomically(victim.parent / "linked" / "file", "x")


def test_a_link_of_the_user_on_the_way_is_followed_elsewhere(place: Path, victim: Path) -> None:
    os.chdir("reports")
    (victim.parent / "outside" / "reports").mkdir(parents=True)
    (victim.parent / "linked").symlink_to("outside")
    write_atomically(victim.parent / "linked" / "reports" / "file", "x")
    assert (victim.parent / "outside" / "reports" / "file").read_text() == "x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_of_another_user_is_not_followed(place: Path, victim: Path) -> None:
    os.chdir("reports")
    (victim.parent / "outside" / "reports").mkdir(parents=True)
    link = victim.parent / "linked"
    link.symlink_to("outside")
    os.chown(link, 65534, 65534, follow_symlinks=False)
    with pytest.raises(OSError, match="'linked' is a symbolic link"):
        write_atomically(link / "reports" / "file", "x")


def test_a_file_has_the_mode_that_its_writer_chose(place: Path) -> None:
    write_atomically(place, "x", mode=0o600)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    write_atomically(place, "y")
    assert place.read_text() == "y"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["file"]


def test_an_interruption_after_the_file_has_its_name_is_not_lost(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename_file = os.replace

    def replace(*names: str, **folders: int) -> None:
        rename_file(*names, **folders)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(place, "report")
    assert place.read_text() == "report"
    assert [path.name for path in place.parent.iterdir()] == ["file"]


def test_files_that_are_changed_at_the_same_time_keep_every_change(place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    write_atomically(place, "")

    def add(number: int) -> None:
        with locked_folder(place.parent):
            text = place.read_text()
            time.sleep(0.01)
            write_atomically(place, f"{text}{number} ")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert sorted(map(int, place.read_text().split())) == list(range(8))
    with locked_folder(place / "missing"):
        pass


def test_a_log_is_appended_to(place: Path) -> None:
    for _ in range(2):
        with open_log(place) as log:
            log.write(b"x")
    assert place.read_bytes() == b"xx"


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        (dangling, "No such file"),
        (fifo, "a FIFO, not a regular file"),
        (directory, "a directory, not a regular file"),
        (unix_socket, "No such device"),
        (device, "a device, not a regular file"),
    ],
)
def test_reading_does_not_wait(
    place: Path, victim: Path, obstacle: Callable[[Path, Path], None], reason: str
) -> None:
    obstacle(place, victim)
    with pytest.raises(OSError, match=reason):
        read_bounded(place)


def test_reading_is_bounded(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(OSError, match=r"larger than 1,000 bytes \(limit\)"):
        read_bounded(place, 1000)
    with pytest.raises(OSError, match="not a path"):
        read_bounded(Path("a\0b"))
    place.write_bytes(b"x" * 1000)
    assert len(read_bounded(place, 1000)) == 1000


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_the_other_files_of_a_database_are_checked_as_well(
    place: Path, victim: Path, suffix: str
) -> None:
    place.touch()
    dangling(Path(f"{place}{suffix}"), victim)
    with pytest.raises(OSError, match=f"'file{suffix}' is a symbolic link"):
        check_database(place)


def test_a_journal_that_would_delete_another_file_is_refused(place: Path, victim: Path) -> None:
    """A rollback reads and deletes the super-journal that a journal names (seen in 3.x)."""
    journal = Path(f"{place}-journal")
    with sqlite3.connect(place, isolation_level=None) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        for _ in range(2000):
            database.execute("INSERT INTO t VALUES (zeroblob(500))")
        interrupted = place.read_bytes(), journal.read_bytes()
        database.execute("ROLLBACK")
    database.close()
    place.write_bytes(interrupted[0])
    journal.write_bytes(interrupted[1])
    check_database(place)  # what a crash leaves is rolled back
    name = bytes(victim)
    record = struct.pack(">I", 262145) + name + struct.pack(">II", len(name), sum(name))
    journal.write_bytes(interrupted[1] + record + bytes.fromhex("d9d505f920a163d7"))
    with pytest.raises(OSError, match="names another file"):
        check_database(place)
    with sqlite3.connect(place) as database:  # what would have happened
        database.execute("SELECT * FROM t")
    database.close()
    assert not victim.exists()


def test_a_regular_file_in_the_place_of_a_directory_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("mine")
    with pytest.raises(OSError, match="'reports' is a regular file, not a directory"):
        make_folder(tmp_path / "reports")


def test_a_path_that_cannot_be_looked_at_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("nowhere")
    missing = ("nowhere", "link", "file/below")
    for name in (*missing, "file", "loop", "n" * 300, "n\0"):
        assert is_missing(tmp_path / name) is (name in missing)
