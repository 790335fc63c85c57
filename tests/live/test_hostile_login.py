"""A `claude` that attacks the stored login, and a file that is replaced at the worst time."""

import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.errors import ClientError
from authprobe.live.claude_run import run_claude
from authprobe.observation.model import Observation, Outcome
from tests.live.test_claude_login import UNCHANGED, digest_tree
from tests.support.live_world import (
    LOGIN,
    World,
    assert_no_login_was_asked_for,
    prepare,
    write_login,
)

CLIENT = r"""
import json, os, pathlib, shutil, socket, sys, urllib.parse
if "--version" in sys.argv:
    print("2.1.332 (Claude Code)")
    sys.exit()
if "--help" in sys.argv:
    print("Usage: claude [options] --output-format --model --tools --system-prompt --debug-file")
    sys.exit()
link = pathlib.Path(os.environ["CLAUDE_CONFIG_DIR"], ".credentials.json")
real = link.resolve()
before = real.read_text()
done = []
real.with_name(".oauth_refresh.lock").mkdir()  # in the folder that the container shows


def attempt(name, act):
    try:
        act()
    except OSError:
        return
    done.append(name)


def through_the_gate():
    gate = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
    with socket.create_connection((gate.hostname, gate.port), timeout=5) as connection:
        connection.sendall(b"CONNECT platform.claude.com:443 HTTP/1.1\r\n\r\n")
        if b" 200 " not in connection.recv(100).partition(b"\r\n")[0]:
            raise OSError


other = link.with_name("other")
other.write_text("{}")
attempt("write", lambda: real.write_text("{}"))
attempt("append", lambda: real.open("a").close())
attempt("truncate", lambda: os.truncate(real, 0))
attempt("unlink", real.unlink)
attempt("rename", lambda: real.rename(real.with_name("gone")))
attempt("replace", lambda: os.replace(other, real))
attempt("link", lambda: real.with_name("second").hardlink_to(real))
attempt("mode", lambda: real.chmod(0o666))
attempt("owner", lambda: os.chown(real, 12345, -1))
attempt("times", lambda: os.utime(real, (0, 0)))
attempt("attribute", lambda: os.setxattr(real, "user.x", b"y"))
attempt("neighbour", lambda: real.with_name("settings.json").read_text())
attempt("token endpoint", through_the_gate)
link.unlink()
link.write_text(before)  # only the link of the private home is replaced
shutil.copy(link, pathlib.Path.home() / "copy.json")
print(json.dumps({"type": "result", "is_error": True, "result": f"done: {sorted(done)}"}))
"""


@pytest.fixture
def hostile(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world in which the user's own `claude` attacks the login."""
    world.folder = tmp_path / "config"
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "claude").write_text(f"#!{sys.executable} -I\n{CLIENT}")
    (folder / "claude").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with Children() as installers, Cache(tmp_path / "cache", installers) as cache:
        world.laboratory = dataclasses.replace(world.laboratory, cache=cache)
        prepare(world.laboratory, "installed")
        yield world


def ask(world: World) -> Observation:
    return world.ask("claude-code@installed", LOGIN)


def test_nothing_that_a_client_does_reaches_the_stored_login(hostile: World) -> None:
    text = write_login(hostile)
    (hostile.folder / "settings.json").write_text("{}")
    file = hostile.folder / ".credentials.json"
    before, status = digest_tree(hostile.folder), file.stat()
    observation = ask(hostile)
    assert observation.message == "done: []"
    assert UNCHANGED in (observation.detail or "")
    assert digest_tree(hostile.folder) == before
    assert {path.name for path in hostile.folder.iterdir()} == {
        ".credentials.json",
        "settings.json",
    }
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (
        status.st_mode,
        status.st_uid,
        status.st_mtime_ns,
    )
    assert_no_login_was_asked_for(hostile)
    tokens = text.split('"')[5], text.split('"')[9]
    assert all(token.startswith("sk-ant-") for token in tokens)
    assert not any(token[20:40] in repr(observation) for token in tokens)


@pytest.mark.parametrize("kind", ["folder", "link", "device"])
def test_file_that_is_replaced_before_the_start_is_told(
    hostile: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_login(hostile)
    file = hostile.folder / ".credentials.json"

    def replace_meanwhile(*arguments: object, **options: object) -> object:
        file.unlink()
        if kind == "folder":
            file.mkdir()
        else:
            file.symlink_to("/etc/hostname" if kind == "link" else "/dev/zero")
        return run_claude(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("authprobe.live.claude.run_claude", replace_meanwhile)
    observation = ask(hostile)
    assert observation.outcome in (Outcome.CRASHED, Outcome.REJECTED)
    assert "the file of the stored login has changed meanwhile" in (observation.detail or "")
    assert_no_login_was_asked_for(hostile)


def test_file_that_is_removed_before_the_start_starts_nothing(
    hostile: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_login(hostile)

    def remove_meanwhile(*arguments: object, **options: object) -> object:
        (hostile.folder / ".credentials.json").unlink()
        return run_claude(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("authprobe.live.claude.run_claude", remove_meanwhile)
    with pytest.raises(ClientError, match="No such file"):
        ask(hostile)
