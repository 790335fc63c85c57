import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from authprobe.core.temporary_folder import (
    IN_USE,
    change_mode,
    made_folder,
    remove_tree,
    temporary_folder,
    unused_folder,
)


def test_folder_is_private_and_removed() -> None:
    with temporary_folder("authprobe-test-") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "file").write_text("x")
    assert not folder.exists()


def test_deep_tree_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    before = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(1500):
            Path("d" * 50).mkdir()
            os.chdir("d" * 50)
        Path("file").touch()
    finally:
        os.chdir(before)
    remove_tree(folder)
    assert not folder.exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("kept")
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "other")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    remove_tree(folder)
    assert not folder.exists()
    assert (tmp_path / "other" / "file").read_text() == "kept"
    (tmp_path / "link").symlink_to("other")
    remove_tree(tmp_path / "link")
    assert (tmp_path / "other" / "file").exists()


@pytest.mark.parametrize("mode", [0, 0o400, 0o100])
def test_folders_without_permissions_are_removed(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "tree"
    for name in ("a/b/c", "d"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()
    for path in (folder / "a" / "b", folder / "a", folder / "d"):
        path.chmod(mode)
    remove_tree(folder)
    assert not folder.exists()


def test_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_names_that_are_used_while_removing_keep_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    for number in range(1, 4):
        (folder / f".removed-{number}" / "a" / "b").mkdir(parents=True)
        (folder / f"other-{number}" / "c").mkdir(parents=True)
    (folder / ".removed-4").touch()
    remove_tree(folder)
    assert not folder.exists()


def test_folder_that_cannot_be_written_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "file").touch()
    folder.chmod(0)
    remove_tree(folder)
    assert not folder.exists()


def test_many_files_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(20_000):
        (folder / str(number)).touch()
    remove_tree(folder)
    assert not folder.exists()


def test_mode_is_not_changed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError, match="Too many levels"):
        change_mode(tmp_path / "link", 0o777)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_parent_is_found_without_writing_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill at that moment would leave the file that `tempfile` writes to try a folder."""
    monkeypatch.setattr(tempfile, "tempdir", None)  # nobody has asked yet
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setenv("TEMP", str(tmp_path))
    before = tmp_path.stat().st_mtime_ns
    assert unused_folder("authprobe-test-").parent == tmp_path
    assert tmp_path.stat().st_mtime_ns == before
    assert Path(tempfile.gettempdir()) == tmp_path
    assert tmp_path.stat().st_mtime_ns > before, "tempfile writes nothing any more"


def test_unused_folder_is_made_once_and_removed() -> None:
    folder = unused_folder("authprobe-test-")
    assert not folder.exists()
    with made_folder(folder) as made:
        assert made == folder
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(FileExistsError), made_folder(folder):
            pass
        assert folder.exists()
    assert not folder.exists()


HOLDER = """
import sys, time
from pathlib import Path
from authprobe.core.temporary_folder import made_folder
with made_folder(Path(sys.argv[1])) as folder:
    (folder / "secret").write_text("x")
    print("made", flush=True)
    time.sleep(300)
"""


def test_folder_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    used, killed, own = (tmp_path / f"run-{letter * 16}" for letter in "abc")
    with contextlib.ExitStack() as stack:
        for folder in (used, killed):
            argv = [sys.executable, "-c", HOLDER, str(folder)]
            child = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE))
            stack.callback(child.kill)
            assert child.stdout is not None
            assert child.stdout.readline() == b"made\n"
        child.kill()
        child.wait()
        assert (killed / "secret").exists()
        with made_folder(own):
            assert {path.name for path in tmp_path.iterdir()} == {used.name, own.name}
    assert not own.exists()


def test_only_abandoned_folders_of_the_same_kind_are_removed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for name in ("target", "other-" + "a" * 16, "run-x", "run-" + "A" * 16, "run-" + "b" * 17):
        (tmp_path / name).mkdir()
        (tmp_path / name / IN_USE).touch()
    (tmp_path / ("run-" + "c" * 16)).symlink_to(target)
    (tmp_path / ("run-" + "d" * 16)).mkdir()  # has no lock yet
    (tmp_path / ("run-" + "e" * 16)).touch()
    fifo = tmp_path / ("run-" + "f" * 16)
    fifo.mkdir()
    (fifo / IN_USE).symlink_to(target / IN_USE)
    before = {path.name for path in tmp_path.rglob("*")}
    with made_folder(tmp_path / ("run-" + "0" * 16)):
        pass
    assert {path.name for path in tmp_path.rglob("*")} == before
