import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from authprobe.clients.process.child import (
    OUTPUT_LIMIT_BYTES,
    Child,
    CompletedChild,
    ExitReason,
    Stdin,
    StreamEnds,
)
from authprobe.clients.process.children import END_TIMEOUT, Children
from authprobe.errors import ClientError
from tests.support.waiting import wait_until

LIMIT = 60.0
SH = "/bin/sh"
SYSTEM = {"PATH": "/usr/local/bin:/usr/bin:/bin"}

DAEMON = """
import os, time
away, gone = os.pipe()
pid = os.fork()
if pid:
    os.read(away, 1)
    print(pid)
else:
    os.setsid()
    os.write(gone, b"!")
    for descriptor in range(3):
        os.close(descriptor)
    time.sleep(300)
"""
"""Program that leaves a process in its own session behind and prints its id."""

PARENT = """
import sys, time
from pathlib import Path
from authprobe.clients.process.children import Children

scratch, daemon = Path(sys.argv[1]), sys.argv[2]
children = Children(scratch)
leaving = children.run([sys.executable, "-c", daemon], env={}, cwd=scratch, limit=20)
staying = children.start(
    ["/bin/sh", "-c", "sleep 300 & echo pids $$ $!; wait"], env={}, cwd=scratch
)
pids = staying.read_line_with("pids", 20).removeprefix("pids ")
print(leaving.stdout.strip(), pids, flush=True)
time.sleep(300)
"""
"""Program of a run with a child, a grandchild and a daemon; prints their ids."""

WRITER = """
import itertools, sys, time
from pathlib import Path

print("writing", flush=True)
until = time.monotonic() + 1
for number in itertools.count():
    folder = Path(sys.argv[1], str(number))
    try:
        folder.mkdir()
        (folder / "file").touch()
    except OSError:
        pass
    if time.monotonic() > until:
        break
"""
"""Program that writes in a folder for a second, as long as it is there."""


def run(children: Children, *argv: str | Path, limit: float = LIMIT, **env: str) -> CompletedChild:
    """Run a program and return its result."""
    return children.run(argv, env=SYSTEM | env, cwd=Path("/"), limit=limit)


def shell(children: Children, script: str, limit: float = LIMIT) -> CompletedChild:
    """Run a shell script and return its result."""
    return run(children, SH, "-c", script, limit=limit)


def is_alive(pid: int) -> bool:
    """Return True if the process exists, possibly as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -6 $$", -6)]
)
def test_exit_code_or_signal_is_reported(children: Children, script: str, code: int) -> None:
    result = shell(children, script)
    assert (result.exit_code, result.exit_reason) == (code, ExitReason.EXITED)
    assert 0 < result.elapsed < LIMIT


def test_stdout_and_stderr_are_captured(children: Children) -> None:
    result = shell(children, "echo out; echo err >&2; printf 'last'")
    assert (result.stdout, result.stderr) == ("out\nlast", "err\n")
    assert result.truncated is False


def test_invalid_utf8_is_captured_with_replacement(children: Children) -> None:
    assert shell(children, r"printf 'a\377b\000c'").stdout == "a\ufffdb\0c"


@pytest.mark.parametrize(("more", "truncated"), [(0, False), (1, True), (3_000_000, True)])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_is_truncated_at_the_limit(
    children: Children, stream: str, more: int, truncated: bool
) -> None:
    redirect = ">&2" if stream == "stderr" else ""
    result = shell(children, f"head -c {OUTPUT_LIMIT_BYTES + more} /dev/zero {redirect}; exit 7")
    assert len(getattr(result, stream)) == OUTPUT_LIMIT_BYTES
    assert (result.exit_code, result.truncated) == (7, truncated)


def test_output_that_a_process_left_behind_writes_for_ever_ends_at_the_limit() -> None:
    channel, launcher = socket.socketpair()
    launcher.sendall(b'{"pid": 1}\n')
    endless = os.open("/dev/zero", os.O_RDONLY)
    with launcher, Child(channel, StreamEnds(None, endless, None)) as child:
        child._drain()
        assert len(child.output) == OUTPUT_LIMIT_BYTES


def test_timeout_kills_child_and_descendants(children: Children) -> None:
    script = "sleep 300 & echo $!; (sleep 300 & echo $!; wait) & trap '' TERM; wait"
    result = shell(children, script, limit=0.3)
    assert (result.exit_code, result.exit_reason) == (-9, ExitReason.TIMED_OUT)
    assert 0.3 <= result.elapsed < LIMIT
    pids = [int(line) for line in result.stdout.split()]
    assert len(pids) == 2
    wait_until(lambda: not any(map(is_alive, pids)))


def test_timeout_kills_a_child_that_writes_endlessly(children: Children) -> None:
    result = shell(children, "while :; do echo x; done", limit=0.2)
    assert (result.exit_code, result.exit_reason) == (-9, ExitReason.TIMED_OUT)


def test_a_child_ends_as_soon_as_enough_is_known(children: Children, tmp_path: Path) -> None:
    script = f"sleep 0.3; touch {tmp_path}/enough; trap '' TERM; while :; do sleep 1; done"
    with children.start([SH, "-c", script], env=SYSTEM, cwd=tmp_path) as child:
        result = child.wait(LIMIT, (tmp_path / "enough").exists)
    assert (result.exit_code, result.exit_reason) == (-9, ExitReason.TIMED_OUT)
    assert 0.3 <= result.elapsed < LIMIT / 2


def test_a_child_that_exits_first_is_not_ended(children: Children, tmp_path: Path) -> None:
    with children.start(["/bin/true"], env=SYSTEM, cwd=tmp_path) as child:
        result = child.wait(LIMIT, lambda: False)
    assert (result.exit_code, result.exit_reason) == (0, ExitReason.EXITED)


def test_reading_stops_as_soon_as_enough_is_known(children: Children, tmp_path: Path) -> None:
    script = f"echo a; sleep 0.3; touch {tmp_path}/enough; sleep 300"
    with children.start([SH, "-c", script], env=SYSTEM, cwd=tmp_path) as child:
        enough = (tmp_path / "enough").exists
        assert not child.read_until(lambda: "b" in child.stdout, LIMIT, enough)
        assert child.read_until(lambda: "a" in child.stdout, LIMIT, enough)
        assert not child.has_exited


def test_process_group_ends_with_its_child(children: Children) -> None:
    result = shell(children, "sleep 300 & echo $!")
    assert (result.exit_code, result.exit_reason) == (0, ExitReason.EXITED)
    wait_until(lambda: not is_alive(int(result.stdout)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to the launcher")
def test_daemon_ends_with_the_run() -> None:
    with Children() as children:
        pid = int(run(children, sys.executable, "-c", DAEMON).stdout)
        assert is_alive(pid)
    assert not is_alive(pid)


def test_child_ends_with_its_context(children: Children) -> None:
    with children.start([SH, "-c", "echo $$; exec sleep 300"], env=SYSTEM, cwd=Path("/")) as child:
        pid = int(child.read_line_with("", LIMIT) or 0)
        assert is_alive(pid)
    wait_until(lambda: not is_alive(pid))


def test_child_gets_exactly_the_environment_passed(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "canary")
    environment = {"A": "1", "EMPTY": "", "WITH": "a=b c", "TEXT": "übung"}
    env = shutil.which("env") or "env"
    result = children.run([env, "-0"], env=environment, cwd=Path("/"), limit=LIMIT)
    assert dict(line.split("=", 1) for line in result.stdout.split("\0")[:-1]) == environment


def test_arguments_arrive_unchanged(children: Children) -> None:
    arguments = ("", " ", "-c", "a b", "$HOME", "'\"\\", "übung", "--", "\n")
    show = "import json, sys; print(json.dumps(sys.argv[1:]))"
    result = run(children, sys.executable, "-I", "-c", show, *arguments)
    assert tuple(json.loads(result.stdout)) == arguments


def test_stdin_is_empty(children: Children) -> None:
    assert shell(children, "cat; echo end").stdout == "end\n"


def test_child_starts_in_its_working_directory(children: Children, tmp_path: Path) -> None:
    result = children.run([SH, "-c", "pwd -P"], env={}, cwd=tmp_path, limit=LIMIT)
    assert result.stdout.strip() == str(tmp_path.resolve())


def test_child_leads_a_session_without_terminal(children: Children) -> None:
    show = "import os; print(os.getsid(0) == os.getpid(), os.isatty(0), os.isatty(1))"
    assert run(children, sys.executable, "-c", show).stdout == "True False False\n"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_child_inherits_only_standard_streams(children: Children) -> None:
    show = "import os; print([f for f in os.listdir('/proc/self/fd') if int(f) > 3])"
    assert run(children, sys.executable, "-I", "-c", show).stdout == "[]\n"  # 3 is the listing's


@pytest.mark.parametrize(
    ("argv", "cwd", "reason"),
    [
        (["/nonexistent/program"], "/", "No such file or directory: /nonexistent/program"),
        (["/"], "/", "Permission denied: /"),
        ([SH, "-c", "exit"], "/nonexistent", "No such file or directory: /nonexistent"),
        ([SH, "-c", "x" * 3_000_000], "/", "Argument list too long: /bin/sh"),
    ],
    ids=["absent", "folder", "no such cwd", "too long"],
)
def test_failure_to_start_is_a_client_error(
    children: Children, argv: list[str], cwd: str, reason: str
) -> None:
    with pytest.raises(ClientError) as caught:
        children.run(argv, env={}, cwd=Path(cwd), limit=LIMIT)
    assert str(caught.value) == f"cannot be started: {reason}"
    assert shell(children, "echo fine").stdout == "fine\n"


@pytest.mark.parametrize(
    ("mode", "reason"), [(0o644, "Permission denied"), (0o755, "Exec format error")]
)
def test_file_that_is_not_executable_is_a_client_error(
    children: Children, tmp_path: Path, mode: int, reason: str
) -> None:
    file = tmp_path / "file"
    file.write_text("not a program\n")
    file.chmod(mode)
    with pytest.raises(ClientError, match=f"{reason}: {file}"):
        run(children, file)


def test_concurrent_children_keep_their_outputs_apart(children: Children) -> None:
    def one(number: int) -> CompletedChild:
        return shell(children, f"echo {number}; echo {-number} >&2; exit {number}")

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(one, range(50)))
    assert [(each.stdout, each.stderr, each.exit_code) for each in results] == [
        (f"{number}\n", f"{-number}\n", number) for number in range(50)
    ]


def test_children_run_concurrently(children: Children, tmp_path: Path) -> None:
    """Each child opens a pipe whose other end only the other child opens."""
    pipes = [tmp_path / "a", tmp_path / "b"]
    for pipe in pipes:
        os.mkfifo(pipe)
    a, b = pipes
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(shell, children, f"echo x > {a}; cat {b}")
        other = pool.submit(shell, children, f"cat {a}; echo y > {b}")
    assert (one.result().stdout, other.result().stdout) == ("y\n", "x\n")


def test_read_line_waits_for_the_marker(children: Children) -> None:
    script = "echo one; echo the marker is here; echo three; exec sleep 300"
    with children.start([SH, "-c", script], env=SYSTEM, cwd=Path("/")) as child:
        assert child.read_line_with("marker", LIMIT) == "the marker is here"
        assert child.read_line_with("no such thing", 0.1) is None
        assert child.wait(0.1).stdout.splitlines()[2] == "three"


def test_read_line_ends_with_the_child(children: Children) -> None:
    began = time.monotonic()
    with children.start([SH, "-c", "echo why >&2; exit 1"], env=SYSTEM, cwd=Path("/")) as child:
        assert child.read_line_with("marker", LIMIT) is None
        assert child.stderr == "why\n"
    assert time.monotonic() - began < LIMIT / 2


def test_exit_code_is_available_after_read_line(children: Children) -> None:
    with children.start([SH, "-c", "echo x; exit 7"], env=SYSTEM, cwd=Path("/")) as child:
        assert child.read_line_with("no such thing", LIMIT) is None
        assert (child.has_exited, child.wait(LIMIT).exit_code) == (True, 7)


def test_child_reads_stdin_until_it_is_closed(children: Children) -> None:
    with children.start(
        [SH, "-c", "cat; echo end"], env=SYSTEM, cwd=Path("/"), stdin=Stdin.PIPE
    ) as child:
        child.write(b"one\n")
        assert child.read_line_with("one", LIMIT) == "one"
        child.write(b"two\n")
        child.end_input()
        child.write(b"three\n")
        assert child.wait(LIMIT).stdout == "one\ntwo\nend\n"


def test_write_to_an_exited_child_is_ignored(children: Children) -> None:
    with children.start([SH, "-c", ":"], env=SYSTEM, cwd=Path("/"), stdin=Stdin.PIPE) as child:
        assert child.wait(LIMIT).exit_code == 0
        child.write(b"one\n")
        child.end_input()
        child.end_input()


def test_close_ends_running_children() -> None:
    children, script = Children(), "echo $$; exec sleep 300"
    running = [children.start([SH, "-c", script], env=SYSTEM, cwd=Path("/")) for _ in range(2)]
    pids = [int(child.read_line_with("", LIMIT) or 0) for child in running]
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(child.wait, LIMIT) for child in running]
        children.close()
        assert [each.result(LIMIT).exit_code for each in futures] == [-9, -9]
    assert not any(map(is_alive, pids))
    for child in running:
        with child:
            pass
    children.close()


def test_launcher_that_cannot_end_in_time_does_not_end_the_run() -> None:
    children = Children()
    children._control, launcher = socket.socketpair()
    children._launcher = Mock()
    children._launcher.wait.side_effect = subprocess.TimeoutExpired("launcher", END_TIMEOUT)
    with launcher:
        children.close()
        assert launcher.recv(1) == b""  # it knows that the run has ended


def test_killed_run_leaves_no_process_and_no_scratch_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, scratch, DAEMON], env={}, stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert parent.stdout is not None
            pids = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(pids) == 3
            assert all(map(is_alive, pids))
        finally:
            parent.kill()
    watched = pids if sys.platform == "linux" else pids[1:]
    wait_until(lambda: not any(map(is_alive, watched)))
    wait_until(lambda: not scratch.exists())


def test_scratch_folder_is_removed_though_another_process_still_writes(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    children = Children(scratch)
    children.start_launcher()
    writer = [sys.executable, "-c", WRITER, str(scratch)]
    with subprocess.Popen(writer, env={}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children.close()
    assert not scratch.exists()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_child_does_not_ignore_signals(children: Children, name: str) -> None:
    assert shell(children, f"kill -{name} $$; echo survived").stdout == ""


def test_start_after_close_is_an_error() -> None:
    children = Children()
    children.close()
    with pytest.raises(ClientError, match="the run is shutting down"):
        children.run(["/bin/echo"], env=SYSTEM, cwd=Path("/"), limit=5)


def test_failure_to_start_leaves_other_children_running(children: Children) -> None:
    script = "echo x; exec sleep 300"
    with children.start([SH, "-c", script], env=SYSTEM, cwd=Path("/")) as other:
        assert other.read_line_with("x", 5)
        with pytest.raises(ClientError, match="cannot be started: embedded null byte"):
            children.run(["/bin/echo", "a\0b"], env=SYSTEM, cwd=Path("/"), limit=5)
        assert children.run(["/bin/echo", "x"], env=SYSTEM, cwd=Path("/"), limit=5).stdout == "x\n"
