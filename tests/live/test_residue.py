"""The search of what a live run wrote for the user's secrets."""

import base64
import gzip
import os
import sqlite3
from pathlib import Path

import pytest

from authprobe.live.residue import CANARY_PREFIX, search_residue
from authprobe.live.secrets import Secrets

KEY = "sk-ant-api03-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
SECRETS = Secrets({"OUR_KEY": KEY, "GATEWAY_KEY": "plain-4711-words-08-15-of-ours"})


def test_a_clean_folder_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("OUR_KEY is named, not shown")
    residue = search_residue(SECRETS, [tmp_path])
    assert residue.is_clean
    (line,) = residue.lines
    assert line.startswith("nothing of OUR_KEY, GATEWAY_KEY in 1 file (")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (KEY, "OUR_KEY"),
        (KEY.upper(), "OUR_KEY"),
        (KEY[20:36], "OUR_KEY"),
        (base64.b64encode(KEY.encode()).decode(), "OUR_KEY"),
        ("x=plain-4711-words-08-15-of-ours;", "GATEWAY_KEY"),
        ("x=plain-4711-words-08", "GATEWAY_KEY"),
    ],
)
def test_a_secret_is_found_whole_and_in_pieces(content: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "home.bin").write_bytes(b"\xff\x00 " + content.encode() + b" \xff")
    residue = search_residue(SECRETS, [tmp_path])
    assert [found for found, _ in residue.found] == [name]
    assert not residue.is_clean
    (line,) = residue.lines
    assert line.endswith(f"has {name}, whole or in pieces, or cannot be read; delete it")
    assert content not in line


def test_a_secret_is_found_in_what_is_packed(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(f"key={KEY}".encode()))
    with sqlite3.connect(tmp_path / "h.db") as database:
        database.execute("CREATE TABLE t (text TEXT)")
        database.execute("INSERT INTO t VALUES (?)", ["x" * 9000 + KEY])
    database.close()
    residue = search_residue(SECRETS, [tmp_path])
    assert residue.found == tuple(("OUR_KEY", str(tmp_path / name)) for name in ("h.db", "log.gz"))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_secret_in_an_extended_attribute_is_found(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.mkdir() if kind == "folder" else path.write_text("nothing")
    try:
        os.setxattr(path, "user.note", base64.b64encode(KEY.encode()))
    except (AttributeError, OSError) as error:
        pytest.skip(f"no extended attributes here: {error}")
    assert search_residue(SECRETS, [tmp_path]).found == (("OUR_KEY", str(path)),)


def test_a_folder_that_cannot_be_read_is_not_clean(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("root reads every folder")
    residue = search_residue(SECRETS, [tmp_path])
    (tmp_path / "closed").chmod(0o700)
    assert {path for _, path in residue.found} == {str(tmp_path / "closed")}


@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "link", "target"])
def test_a_secret_in_a_name_is_found_and_not_shown(kind: str, tmp_path: Path) -> None:
    secret = "plain-4711-words-08-15-of-ours"
    match kind:
        case "file":
            (tmp_path / secret).touch()
        case "folder":
            (tmp_path / secret).mkdir()
        case "fifo":
            os.mkfifo(tmp_path / secret)
        case "link":
            (tmp_path / secret).symlink_to("nothing")
        case "target":
            (tmp_path / "link").symlink_to(secret)
    residue = search_residue(SECRETS, [tmp_path])
    assert [name for name, _ in residue.found] == ["GATEWAY_KEY"]
    (line,) = residue.lines
    assert "4711" not in line


def test_files_that_a_link_points_to_are_not_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(KEY)
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(tmp_path / "mine")
    (out / "folder").symlink_to(tmp_path)
    os.mkfifo(out / "fifo")
    residue = search_residue(SECRETS, [out])
    assert (residue.is_clean, residue.files) == (True, 0)


def test_the_made_up_secret_is_left_nowhere(tmp_path: Path) -> None:
    assert search_residue(SECRETS, [tmp_path]).is_clean
    assert list(tmp_path.iterdir()) == []


def test_the_made_up_secret_of_a_killed_search_is_removed(tmp_path: Path) -> None:
    killed, running = (tmp_path / f"{CANARY_PREFIX}{name}" for name in ("killed", "running"))
    for path in (killed, running):
        path.write_text("a made-up secret")
    os.utime(killed, (0, 0))
    assert search_residue(SECRETS, [tmp_path]).is_clean
    assert list(tmp_path.iterdir()) == [running]


def test_a_search_that_finds_no_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authprobe.live.residue._paths_in", lambda places: [])
    residue = search_residue(SECRETS, [tmp_path])
    assert not residue.is_clean
    assert list(residue.lines) == [
        "the search for your secrets missed a made-up one; please report it"
    ]
