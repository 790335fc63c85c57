import os
from pathlib import Path

import pytest

from authprobe.clients import home_files
from authprobe.clients.home_files import HomeWalk, read_home_file


def paths(home: Path, *skipped: str) -> list[str]:
    """Return the paths of the files that a walk yields."""
    return [str(file.path) for file in HomeWalk(home, frozenset(map(Path, skipped)))]


def test_regular_files_are_walked_in_order(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a/y/x", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert paths(tmp_path) == ["b", "c", "a/z", "a/y/x"]
    assert paths(tmp_path, "a", "c") == ["b"]
    walk = HomeWalk(tmp_path)
    assert next(iter(walk)).data == b"b"
    assert walk.is_complete


def test_links_and_special_files_are_passed_over(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    for folder in (home, other):
        folder.mkdir()
    (other / "file").write_text("secret")
    (home / "link").symlink_to(other / "file")
    (home / "folder").symlink_to(other)
    (home / "zero").symlink_to("/dev/zero")
    (home / "loop").symlink_to("loop")
    os.mkfifo(home / "fifo")
    assert paths(home) == []
    assert read_home_file(home, Path("fifo")) is None
    for name in ("link", "folder/file", "zero", "loop"):
        with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
            read_home_file(home, Path(name))


def test_missing_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_home_file(tmp_path, Path("a", "b"))


def test_large_file_is_listed_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 50 << 30)
    walk = HomeWalk(tmp_path)
    (file,) = walk
    assert (file.path, file.data) == (Path("sparse"), b"")
    assert not walk.is_complete


def test_files_are_limited_in_number_depth_and_total(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path.joinpath(*"d" * 70)
    deep.mkdir(parents=True)
    (deep / "file").touch()
    walk = HomeWalk(tmp_path)
    assert list(walk) == []
    assert not walk.is_complete
    for number in range(30):
        (tmp_path / f"{number:02}").write_bytes(b"x" * 10)
    monkeypatch.setattr(home_files, "MAX_ENTRIES", 20)
    assert len(paths(tmp_path)) in (19, 20)  # the folder may be among the first
    monkeypatch.setattr(home_files, "MAX_TOTAL_BYTES", 50)
    assert sum(len(file.data) for file in HomeWalk(tmp_path)) <= 50


def test_files_without_permissions_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_text("x")
    (folder / "file").chmod(0)
    folder.chmod(0)
    assert paths(tmp_path) == ["folder/file"]


def test_walk_ends_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(home_files, "MAX_TIME", -1.0)
    walk = HomeWalk(tmp_path)
    assert list(walk) == []
    assert not walk.is_complete


def test_home_of_a_container_is_walked_by_its_descriptor(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    descriptor = os.open(tmp_path, os.O_PATH)
    try:
        home = Path(f"/proc/self/fd/{descriptor}")
        assert paths(home) == ["folder/file"]
        assert read_home_file(home, Path("folder/file")) is not None
    finally:
        os.close(descriptor)


def test_home_that_a_client_has_replaced_by_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("secret")
    (tmp_path / "home").symlink_to("other")
    walk = HomeWalk(tmp_path / "home")
    assert list(walk) == []
    assert not walk.is_complete
    with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
        read_home_file(tmp_path / "home", Path("file"))
