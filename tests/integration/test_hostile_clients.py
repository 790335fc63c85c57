"""Clients that attack the machine: each ends as it should, and nothing of the user's is touched."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation
from tests.support.command import PROJECT, environment
from tests.support.exhaustive import exhaustive_but
from tests.support.ordinary_user import USER, as_user, folder_of_user, python_of_user

CANARY: Final = "sk-ant-oat01-" + "canary-of-the-user-" * 3
PROGRAM: Final = (PROJECT / "tests" / "support" / "hostile_claude.py").read_text()
CONTAINED: Final = ("accepted", "", "contained")
LIMITS: Final = {"hostile": 30, "endless": 8}
"""Seconds by scenario: the attacks that end only by the limit need not be given long."""
TIMED_OUT: Final = ("timed-out", f"still running after {LIMITS['endless']} s", "")
EXPECTED: Final[dict[str, tuple[str, str, str]]] = {
    "fork-bomb": ("crashed", "a limit of authprobe: more than 256 processes", ""),
    "fork-chain": ("crashed", "ended with exit code 0: it said nothing", ""),
    "memory": ("crashed", "a limit of authprobe: more than 2 GiB of memory", ""),
    "memory-of-many": ("crashed", "a limit of authprobe: more than 2 GiB of memory", ""),
    "full-disk": ("crashed", "a limit of authprobe: files of more than 256 MiB", "contained"),
    "full-disk-of-deleted-files": CONTAINED,
    "huge-file": CONTAINED,
    "many-files": ("crashed", "a limit of authprobe: more than 65,536 files", "contained"),
    "deep-folders": CONTAINED,
    "much-output": ("crashed", "its output was too long to be kept whole", ""),
    "endless-output": TIMED_OUT,
    "closed-output": TIMED_OUT,
    "open-descriptors": CONTAINED,
    "threads": CONTAINED,
    "ignored-signals": TIMED_OUT,
    "stopped": TIMED_OUT,
    "daemon": CONTAINED,
    "daemon-with-output": CONTAINED,
    "killed-parents": CONTAINED,
    "crash": ("crashed", "ended with exit code -11", ""),
    "traced-launcher": CONTAINED,
    "environments-of-others": CONTAINED,
    "new-namespaces": CONTAINED,
    "read-files": CONTAINED,
    "written-files": CONTAINED,
    "writes-by-links": CONTAINED,
    "credentials-link-to-zero": CONTAINED,
    "credentials-link-to-the-users": CONTAINED,
    "credentials-fifo": CONTAINED,
    "credentials-folder": CONTAINED,
    "credentials-sparse": CONTAINED,
    "credentials-deep": CONTAINED,
    "config-folder-is-a-link": CONTAINED,
    "unreadable-folders": CONTAINED,
    "odd-names": CONTAINED,
    "canary-port": CONTAINED,
    "abstract-socket": CONTAINED,
    "unix-socket": CONTAINED,
    "all-ports": CONTAINED,
    "other-machines": CONTAINED,
    "names": CONTAINED,
    "many-requests": CONTAINED,
    "garbage-requests": CONTAINED,
    "control-characters": ("accepted", "", "<script>"),
    "deep-report": CONTAINED,
    "huge-report": ("accepted", "", "xxx"),
    "token-in-spellings": ("crashed", "ended with exit code 1", ""),
}
"""Outcome of each attack, and a part of the detail and of the message."""
SCENARIO: Final = """
id: {id}
title: Clients that attack the machine
why: To show that nothing of the user's is harmed.
sources: [https://example.org/]
limit: {limit}
credentials:
  both:
    - {{token: api-key, via: ANTHROPIC_API_KEY}}
    - {{token: login, via: credentials-file}}
environments:
{environments}
matrix:
  client: [claude-code@installed]
  credential: [both]
  environment: [{names}]
expect: {{outcome: accepted}}
"""


@dataclass
class Machine:
    """A user's machine: a home with secrets, and a listener on every kind of socket."""

    folder: Path
    home: Path = field(init=False)
    sockets: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        for name in (".claude/.credentials.json", ".bashrc", ".ssh/id_ed25519", "work/notes.txt"):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"claudeAiOauth": {"accessToken": CANARY}}))
        self.project = self.folder / "project"
        self.project.mkdir()
        (self.project / "beside.txt").write_text(CANARY)
        for id, limit in LIMITS.items():
            chosen = [n for n, end in EXPECTED.items() if (end == TIMED_OUT) == (id == "endless")]
            text = SCENARIO.format(
                id=id,
                limit=limit,
                environments="\n".join(f"  {n}: {{ANTHROPIC_MODEL: {n}}}" for n in chosen),
                names=",\n    ".join(chosen),
            )
            (self.project / f"{id}.yaml").write_text(text)

    def listen(self) -> dict[str, Any]:
        """Open a port, an abstract socket and a Unix socket; return where they are."""
        port = socket.create_server(("127.0.0.1", 0))
        abstract, unix = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        name = f"authprobe-canary-{os.getpid()}"
        abstract.bind(f"\0{name}")
        path = str(self.folder / "canary.socket")
        unix.bind(path)
        for server in (abstract, unix):
            server.listen()
        self.sockets = [port, abstract, unix]
        for server in self.sockets:
            server.setblocking(False)
        files = [str(path) for path in self._files()]
        return {"files": files, "port": port.getsockname()[1], "abstract": name, "unix": path}

    def count_connections(self) -> int:
        """Close the listeners, and return how many connections they have received."""
        count = 0
        for server in self.sockets:
            with server, contextlib.suppress(BlockingIOError):
                server.accept()[0].close()
                count += 1
        return count

    def digest(self) -> dict[str, str]:
        """Return modes, times and contents of all files of the user."""
        return {
            str(path): f"{path.lstat().st_mode} {path.lstat().st_mtime_ns} "
            + hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self._files()
        }

    def _files(self) -> list[Path]:
        folders = (self.home, self.project)
        return sorted(path for f in folders for path in f.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Attacked:
    """The machine after the run."""

    code: int
    printed: str
    cases: dict[str, dict[str, Any]]
    texts: str
    before: dict[str, str]
    after: dict[str, str]
    connections: int
    temporary: list[str]
    is_canary_alive: bool
    leftovers: list[str]
    elapsed: float


def run_attacks(folder: Path, python: str) -> Attacked:
    """Run all attacks in one run, on a machine in this folder."""
    machine = Machine(folder)
    targets = machine.listen()
    program = folder / "bin" / "claude"
    program.parent.mkdir()
    line = PROGRAM[PROGRAM.index("TARGETS: ") :].partition("\n")[0]
    program.write_text(f"#!{python} -I\n{PROGRAM.replace(line, f'TARGETS = {targets!r}')}")
    program.chmod(0o755)
    (folder / "temp").mkdir()
    if os.getuid() == 0 and folder.stat().st_uid:
        for path in folder.rglob("*"):
            os.chown(path, USER, USER)
    env = environment(machine.home) | {
        "AUTHPROBE_CACHE": str(folder / "cache"),
        "HOME": str(machine.home),
        "PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(folder / "temp"),
        "AUTHPROBE_CANARY": CANARY,
    }
    argv = [python, "-m", "authprobe", "run", ".", "--jobs", "4", "--history", "none"]
    sleep = shutil.which("sleep") or "/bin/sleep"
    before, began = machine.digest(), time.monotonic()
    with subprocess.Popen([sleep, "600"]) as canary:
        try:
            ended = as_user([*argv, "--out", str(folder / "out")], machine.project, **env)
            is_alive = canary.poll() is None
        finally:
            canary.kill()
    results = folder / "out" / "results.json"
    assert results.exists(), ended.stdout + ended.stderr
    cases = {
        case["id"].rpartition("/")[2]: case for case in json.loads(results.read_text())["cases"]
    }
    texts = [p.read_bytes().decode("latin-1") for p in (folder / "out").iterdir() if p.is_file()]
    return Attacked(
        code=ended.returncode,
        printed=ended.stdout + ended.stderr,
        cases=cases,
        texts="".join(texts),
        before=before,
        after=machine.digest(),
        connections=machine.count_connections(),
        temporary=sorted(path.name for path in (folder / "temp").iterdir()),
        is_canary_alive=is_alive,
        leftovers=processes_of(str(folder)),
        elapsed=time.monotonic() - began,
    )


def processes_of(mark: str) -> list[str]:
    """Return the command lines of running processes that contain this text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if mark in line or "canary-of-the-user" in line:
                found.append(line)
    return found


@pytest.fixture(
    scope="module", params=exhaustive_but(("ordinary user",), ("root", "ordinary user"))
)
def attacked(request: pytest.FixtureRequest) -> Iterator[Attacked]:
    """The machine after a run of all attacks, as root and as an ordinary user."""
    if request.param == "root" and os.getuid() != 0:
        pytest.skip("these tests do not run as root")
    with Children(isolation=Isolation.SEALED) as children:
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
    with folder_of_user() as folder:
        if request.param == "root":
            os.chown(folder, 0, 0)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("tests.support.ordinary_user.USER", 0)
                yield run_attacks(folder, sys.executable)
        else:
            yield run_attacks(folder, python_of_user(folder))


def test_every_attack_has_its_own_end(attacked: Attacked) -> None:
    assert attacked.code == 1, attacked.printed
    ends = {
        name: (
            case["observation"]["outcome"],
            case["observation"]["detail"] or "",
            case["observation"]["message"] or "",
        )
        for name, case in attacked.cases.items()
    }
    wrong = {
        name: ends.get(name)
        for name, (outcome, detail, message) in EXPECTED.items()
        if name not in ends
        or ends[name][0] != outcome
        or detail not in ends[name][1]
        or message not in ends[name][2]
    }
    assert wrong == {}


def test_nothing_of_the_user_is_touched_or_asked(attacked: Attacked) -> None:
    assert attacked.after == attacked.before
    assert attacked.connections == 0
    assert attacked.is_canary_alive
    assert "canary-of-the-user" not in attacked.texts + attacked.printed


def test_nothing_is_left_behind(attacked: Attacked) -> None:
    assert attacked.leftovers == []
    assert attacked.temporary == []


def test_no_control_character_gets_out(attacked: Attacked) -> None:
    assert not {"\x1b", "\x9b", "\u202e"} & set(attacked.printed + attacked.texts)


def test_tokens_that_a_client_leaves_in_its_home_are_found(attacked: Attacked) -> None:
    assert len(attacked.cases["odd-names"]["observation"]["leaks"]) >= 5
