"""The dates of the user's stored login, read without its tokens."""

import datetime
import gc
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from authprobe.clients.process.children import Children
from authprobe.core.login_renewal import LOCK_FOLDER
from authprobe.errors import ClientError
from authprobe.live.stored_login import (
    DIGEST_TIMEOUT,
    LoginDates,
    UnreadableLoginError,
    digest_login,
    is_being_renewed,
    is_unchanged,
    read_login_dates,
)

EXPIRES = 1795900000000
REFRESH_EXPIRES = 1798000000000
PIECE = 6
"""Characters of a token that must not be together anywhere."""


def moment(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def login(**fields: object) -> dict[str, Any]:
    record = {
        "accessToken": f"sk-ant-oat01-{secrets.token_urlsafe(48)}",
        "refreshToken": f"sk-ant-ort01-{secrets.token_urlsafe(48)}",
        "expiresAt": EXPIRES,
        "refreshTokenExpiresAt": REFRESH_EXPIRES,
        "scopes": ["user:inference"],
        "subscriptionType": "max",
    }
    return {"claudeAiOauth": record | fields}


def write(folder: Path, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / ".credentials.json").write_text(text)
    return folder


def test_dates_are_read(tmp_path: Path) -> None:
    assert read_login_dates(write(tmp_path, login())) == LoginDates(
        expires_at=moment(EXPIRES),
        refresh_expires_at=moment(REFRESH_EXPIRES),
        has_refresh_token=True,
    )


@pytest.mark.parametrize("indent", [None, 2, 8])
def test_dates_of_other_logins_in_the_file_are_not_taken(
    tmp_path: Path, indent: int | None
) -> None:
    """Logins of MCP servers are in the same file, with the same names of fields."""
    other = {"expiresAt": 1, "refreshTokenExpiresAt": 2, "refreshToken": "x", "accessToken": "y"}
    content = {
        "mcpOAuth": {"server|1": other, "claudeAiOauth": other},
        "expiresAt": 3,
        **login(nested={"expiresAt": 4, "claudeAiOauth": other}, list=[{"expiresAt": 5}, 6]),
        "more": [other, {"claudeAiOauth": other}],
    }
    text = json.dumps(content, indent=indent)
    assert read_login_dates(write(tmp_path, text)).expires_at == moment(EXPIRES)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"expiresAt": 0}, None),
        ({"expiresAt": None}, None),
        ({"expiresAt": "1795900000000"}, None),
        ({"expiresAt": -1}, None),
        ({"expiresAt": 1.5e12}, None),
        ({"expiresAt": 10**30}, None),
        ({"expiresAt": 10**19}, None),
        ({"expiresAt": [EXPIRES]}, None),
        ({"expiresAt": {"expiresAt": EXPIRES}}, None),
    ],
)
def test_other_values_are_no_date(
    tmp_path: Path, fields: dict[str, object], expected: datetime.datetime | None
) -> None:
    assert read_login_dates(write(tmp_path, login(**fields))).expires_at == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("", False), ("x", True), ("\\", True), (None, False), (7, False)]
)
def test_presence_of_a_refresh_token_is_told(tmp_path: Path, value: object, expected: bool) -> None:
    dates = read_login_dates(write(tmp_path, login(refreshToken=value)))
    assert dates.has_refresh_token is expected


def test_quotes_and_escapes_in_a_token_do_not_mislead(tmp_path: Path) -> None:
    tricky = 'a"\\,"expiresAt":5,"claudeAiOauth":{"expiresAt":6}\u2026\\'
    dates = read_login_dates(write(tmp_path, login(accessToken=tricky, odd={tricky: tricky})))
    assert dates.expires_at == moment(EXPIRES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ('{"claudeAiOauth": {"expiresAt": 1}', "is not JSON"),
        ('{"claudeAiOauth": {"accessToken": "unended', "is not JSON"),
        ('{"a" 1}', "is not JSON"),
        ("{1: 2}", "is not JSON"),
        ("{} {}", "is not JSON"),
        ("sk-ant-oat01-nothing-else", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{}", "holds no login"),
        ('{"claudeAiOauth": null}', "holds no login"),
        ("null", "holds no login"),
        (" " * (1024 * 1024 + 1), "is larger than 1 MiB"),
        # Clients take the last of two, which may be late.
        ('{"claudeAiOauth": {}, "claudeAiOauth": {}}', "has names that no client writes"),
        ('{"claudeAiOauth": {"expiresAt": 9, "expiresAt": 1}}', "has names that no client writes"),
        ('{"claudeAiO\\u0061uth": {"expiresAt": 9}}', "has names that no client writes"),
    ],
)
def test_other_files_are_refused_without_quoting_them(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(UnreadableLoginError) as caught:
        read_login_dates(write(tmp_path, text))
    assert str(caught.value) == f".credentials.json {reason}" + (
        " of claude.ai" if "login" in reason else ""
    )


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLoginError, match=r"^there is no \.credentials\.json$"):
        read_login_dates(tmp_path)
    os.mkfifo(tmp_path / ".credentials.json")
    with pytest.raises(UnreadableLoginError, match="is not a file"):
        read_login_dates(tmp_path)


def test_no_value_in_python_ever_holds_a_piece_of_a_token(tmp_path: Path) -> None:
    """Every local variable and attribute is looked at, at every line of the reader."""
    content = login()
    folder = write(tmp_path, content)
    tokens = [content["claudeAiOauth"][name] for name in ("accessToken", "refreshToken")]
    pieces = {t[i : i + PIECE] for t in tokens for i in range(len(t) - PIECE + 1)}
    seen: set[str] = set()

    def values(frame: FrameType) -> list[object]:
        objects = list(frame.f_locals.values())
        owner = frame.f_locals.get("self")
        return [*objects, *(vars(owner).values() if owner else ())]

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        if "stored_login" not in frame.f_code.co_filename or "test_" in frame.f_code.co_filename:
            return None
        seen.update(str(value) for value in (*values(frame), argument))
        return trace

    sys.settrace(trace)
    try:
        dates = read_login_dates(folder)
    finally:
        sys.settrace(None)
    assert dates.has_refresh_token
    assert any("expiresAt" in text for text in seen)  # the trace sees what is read
    assert not any(piece in text for piece in pieces for text in seen)


READER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from authprobe.live.stored_login import read_login_dates
kept = read_login_dates(Path(sys.argv[2])) if sys.argv[3] == "dates" else (
    Path(sys.argv[2], ".credentials.json").read_bytes())
print("read", flush=True)
sys.stdin.read()
"""


def memory_of(pid: int) -> bytes:
    """Return what a child has in its writable memory."""
    memory = b""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
        for line in lines:
            span, access, *_ = line.split()
            if access.startswith("rw"):
                begin, end = (int(part, 16) for part in span.split("-"))
                file.seek(begin)
                memory += file.read(end - begin)
    return memory


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is a file on Linux")
@pytest.mark.parametrize(("mode", "is_there"), [("dates", False), ("whole", True)])
def test_memory_of_a_process_that_read_the_dates_holds_no_token(
    tmp_path: Path, mode: str, is_there: bool
) -> None:
    content = login()
    folder = write(tmp_path, content)
    package = Path(__file__).parents[2] / "probes"
    argv = [sys.executable, "-I", "-c", READER, str(package), str(folder), mode]
    gc.collect()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"read\n"
        memory = memory_of(child.pid)
        child.communicate()
    for name in ("accessToken", "refreshToken"):
        token = content["claudeAiOauth"][name].encode()
        pieces = [token[i : i + 12] for i in range(13, len(token) - 12)]
        assert any(piece in memory for piece in pieces) is is_there


def test_file_that_grows_while_it_is_read_ends(tmp_path: Path) -> None:
    write(tmp_path, '{"a": "')
    with (tmp_path / ".credentials.json").open("a") as file:
        read = os.read

        def grow(descriptor: int, size: int) -> bytes:
            file.write("x" * 100)
            file.flush()
            return read(descriptor, size)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "read", grow)
            with pytest.raises(UnreadableLoginError, match="is larger than 1 MiB"):
                read_login_dates(tmp_path)


@pytest.mark.parametrize("kind", ["gone", "fifo", "folder", "link to itself"])
def test_file_that_is_no_longer_there_has_changed(tmp_path: Path, kind: str) -> None:
    """The question was asked: what became of the file is told, and costs no result."""
    file = write(tmp_path, login()) / ".credentials.json"
    with Children() as children:
        digest = digest_login(tmp_path, children)
        assert is_unchanged(tmp_path, digest, children)
        file.unlink()
        if kind == "fifo":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
        elif kind != "gone":
            file.symlink_to(file)
        began = time.monotonic()
        assert not is_unchanged(tmp_path, digest, children)
        assert time.monotonic() - began < DIGEST_TIMEOUT


def test_fresh_lock_means_that_a_client_renews_the_login(tmp_path: Path) -> None:
    assert not is_being_renewed(tmp_path)
    lock = tmp_path / LOCK_FOLDER
    lock.mkdir()
    assert is_being_renewed(tmp_path)
    stale = time.time() - 61
    os.utime(lock, (stale, stale))
    assert not is_being_renewed(tmp_path)


def test_digest_tells_a_change(tmp_path: Path) -> None:
    folder = tmp_path / "a\\b"
    folder.mkdir()
    write(folder, login())
    with Children() as children:
        first = digest_login(folder, children)
        assert digest_login(folder, children) == first
        write(folder, login())
        assert digest_login(folder, children) != first
        (folder / ".credentials.json").unlink()
        with pytest.raises(ClientError, match="is not a file"):
            digest_login(folder, children)
