import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authprobe.clients.process.child import OUTPUT_LIMIT_BYTES, CompletedChild, ExitReason, Stdin
from authprobe.clients.process.children import Children
from authprobe.errors import ClientError
from tests.support.waiting import wait_until

LIMIT = 20.0
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
"""Leaves a process behind and prints its id, once that has a session of its own."""

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
"""A run with a child, a grandchild and a daemon; it prints their ids."""


def run(children: Children, *argv: str | Path, limit: float = LIMIT, **env: str) -> CompletedChild:
    """What is left of this program."""
    return children.run(argv, env=SYSTEM | env, cwd=Path("/"), limit=limit)


def shell(children: Children, script: str, limit: float = LIMIT) -> CompletedChild:
    """What is left of this script."""
    return run(children, SH, "-c", script, limit=limit)


def alive(pid: int) -> bool:
    """Whether there is such a process, or what its parent has not yet taken note of."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -6 $$", -6)]
)
def test_the_end_is_told_by_its_exit_code(children: Children, script: str, code: int) -> None:
    finished = shell(children, script)
    assert (finished.exit_code, finished.exit_reason) == (code, ExitReason.EXITED)
    assert 0 < finished.elapsed < LIMIT


def test_both_streams_are_gathered(children: Children) -> None:
    finished = shell(children, "echo out; echo err >&2; printf 'last'")
    assert (finished.stdout, finished.stderr) == ("out\nlast", "err\n")
    assert finished.truncated is False


def test_output_that_is_no_text_is_gathered_as_well(children: Children) -> None:
    assert shell(children, r"printf 'a\377b\000c'").stdout == "a\ufffdb\0c"


@pytest.mark.parametrize(("more", "truncated"), [(0, False), (1, True), (3_000_000, True)])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_is_kept_up_to_a_limit(
    children: Children, stream: str, more: int, truncated: bool
) -> None:
    redirect = ">&2" if stream == "stderr" else ""
    finished = shell(children, f"head -c {OUTPUT_LIMIT_BYTES + more} /dev/zero {redirect}; exit 7")
    assert len(getattr(finished, stream)) == OUTPUT_LIMIT_BYTES
    assert (finished.exit_code, finished.truncated) == (7, truncated)


def test_the_limit_ends_a_child_with_all_that_it_started(children: Children) -> None:
    script = "sleep 300 & echo $!; (sleep 300 & echo $!; wait) & trap '' TERM; wait"
    finished = shell(children, script, limit=0.3)
    assert (finished.exit_code, finished.exit_reason) == (-9, ExitReason.TIMED_OUT)
    assert 0.3 <= finished.elapsed < 3
    pids = [int(line) for line in finished.stdout.split()]
    assert len(pids) == 2
    wait_until(lambda: not any(map(alive, pids)))


def test_the_limit_ends_a_child_that_never_stops_writing(children: Children) -> None:
    finished = shell(children, "while :; do echo x; done", limit=0.2)
    assert (finished.exit_code, finished.exit_reason) == (-9, ExitReason.TIMED_OUT)


def test_a_child_that_ends_takes_its_process_group_with_it(children: Children) -> None:
    finished = shell(children, "sleep 300 & echo $!")
    assert (finished.exit_code, finished.exit_reason) == (0, ExitReason.EXITED)
    wait_until(lambda: not alive(int(finished.stdout)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to the launcher")
def test_a_daemon_is_gone_when_the_run_is_over() -> None:
    with Children() as children:
        pid = int(run(children, sys.executable, "-c", DAEMON).stdout)
        assert alive(pid)
    assert not alive(pid)


def test_a_child_that_is_left_early_is_ended(children: Children) -> None:
    with children.start([SH, "-c", "echo $$; exec sleep 300"], env=SYSTEM, cwd=Path("/")) as child:
        pid = int(child.read_line_with("", LIMIT) or 0)
        assert alive(pid)
    wait_until(lambda: not alive(pid))


def test_the_environment_is_what_was_given(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "canary")
    given = {"A": "1", "EMPTY": "", "WITH": "a=b c", "TEXT": "übung"}
    env = shutil.which("env") or "env"
    finished = children.run([env, "-0"], env=given, cwd=Path("/"), limit=LIMIT)
    assert dict(line.split("=", 1) for line in finished.stdout.split("\0")[:-1]) == given


def test_arguments_arrive_as_they_are(children: Children) -> None:
    arguments = ("", " ", "-c", "a b", "$HOME", "'\"\\", "übung", "--", "\n")
    show = "import json, sys; print(json.dumps(sys.argv[1:]))"
    finished = run(children, sys.executable, "-I", "-c", show, *arguments)
    assert tuple(json.loads(finished.stdout)) == arguments


def test_there_is_nothing_on_stdin(children: Children) -> None:
    assert shell(children, "cat; echo end").stdout == "end\n"


def test_a_child_starts_where_it_is_told(children: Children, tmp_path: Path) -> None:
    finished = children.run([SH, "-c", "pwd -P"], env={}, cwd=tmp_path, limit=LIMIT)
    assert finished.stdout.strip() == str(tmp_path.resolve())


def test_a_child_has_no_terminal_and_a_session_of_its_own(children: Children) -> None:
    show = "import os; print(os.getsid(0) == os.getpid(), os.isatty(0), os.isatty(1))"
    assert run(children, sys.executable, "-c", show).stdout == "True False False\n"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_a_child_holds_nothing_but_its_streams(children: Children) -> None:
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
def test_what_cannot_be_started_is_a_client_error(
    children: Children, argv: list[str], cwd: str, reason: str
) -> None:
    with pytest.raises(ClientError) as caught:
        children.run(argv, env={}, cwd=Path(cwd), limit=LIMIT)
    assert str(caught.value) == f"cannot be started: {reason}"
    assert shell(children, "echo fine").stdout == "fine\n"


@pytest.mark.parametrize(
    ("mode", "reason"), [(0o644, "Permission denied"), (0o755, "Exec format error")]
)
def test_a_file_that_is_no_program_is_a_client_error(
    children: Children, tmp_path: Path, mode: int, reason: str
) -> None:
    file = tmp_path / "file"
    file.write_text("not a program\n")
    file.chmod(mode)
    with pytest.raises(ClientError, match=f"{reason}: {file}"):
        run(children, file)


def test_many_run_at_once_and_none_gets_the_output_of_another(children: Children) -> None:
    def one(number: int) -> CompletedChild:
        return shell(children, f"echo {number}; echo {-number} >&2; exit {number}")

    with ThreadPoolExecutor(16) as pool:
        finished = list(pool.map(one, range(50)))
    assert [(each.stdout, each.stderr, each.exit_code) for each in finished] == [
        (f"{number}\n", f"{-number}\n", number) for number in range(50)
    ]


def test_they_do_not_wait_for_one_another(children: Children, tmp_path: Path) -> None:
    """Each opens a pipe whose other end only the other one opens."""
    pipes = [tmp_path / "a", tmp_path / "b"]
    for pipe in pipes:
        os.mkfifo(pipe)
    a, b = pipes
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(shell, children, f"echo x > {a}; cat {b}")
        other = pool.submit(shell, children, f"cat {a}; echo y > {b}")
    assert (one.result().stdout, other.result().stdout) == ("y\n", "x\n")


def test_a_line_is_waited_for(children: Children) -> None:
    script = "echo one; echo the marker is here; echo three; exec sleep 300"
    with children.start([SH, "-c", script], env=SYSTEM, cwd=Path("/")) as child:
        assert child.read_line_with("marker", LIMIT) == "the marker is here"
        assert child.read_line_with("no such thing", 0.1) is None
        assert child.wait(0.1).stdout.splitlines()[2] == "three"


def test_a_line_of_a_child_that_has_ended_is_not_waited_for(children: Children) -> None:
    began = time.monotonic()
    with children.start([SH, "-c", "echo why >&2; exit 1"], env=SYSTEM, cwd=Path("/")) as child:
        assert child.read_line_with("marker", LIMIT) is None
        assert child.stderr == "why\n"
    assert time.monotonic() - began < LIMIT / 2


def test_the_exit_code_is_known_also_when_a_line_was_waited_for(children: Children) -> None:
    with children.start([SH, "-c", "echo x; exit 7"], env=SYSTEM, cwd=Path("/")) as child:
        assert child.read_line_with("no such thing", LIMIT) is None
        assert (child.has_exited, child.wait(LIMIT).exit_code) == (True, 7)


def test_what_is_written_is_read_until_the_input_ends(children: Children) -> None:
    with children.start(
        [SH, "-c", "cat; echo end"], env=SYSTEM, cwd=Path("/"), stdin=Stdin.PIPE
    ) as child:
        child.write(b"one\n")
        assert child.read_line_with("one", LIMIT) == "one"
        child.write(b"two\n")
        child.end_input()
        child.write(b"three\n")
        assert child.wait(LIMIT).stdout == "one\ntwo\nend\n"


def test_a_child_that_reads_nothing_is_written_to_in_vain(children: Children) -> None:
    with children.start([SH, "-c", ":"], env=SYSTEM, cwd=Path("/"), stdin=Stdin.PIPE) as child:
        assert child.wait(LIMIT).exit_code == 0
        child.write(b"one\n")
        child.end_input()
        child.end_input()


def test_closing_ends_what_runs() -> None:
    children, script = Children(), "echo $$; exec sleep 300"
    started = [children.start([SH, "-c", script], env=SYSTEM, cwd=Path("/")) for _ in range(2)]
    pids = [int(child.read_line_with("", LIMIT) or 0) for child in started]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(child.wait, LIMIT) for child in started]
        children.close()
        assert [each.result(LIMIT).exit_code for each in waiting] == [-9, -9]
    assert not any(map(alive, pids))
    for child in started:
        with child:
            pass
    children.close()


def test_a_run_that_is_killed_leaves_no_process_and_no_scratch_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, scratch, DAEMON], env={}, stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert parent.stdout is not None
            pids = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(pids) == 3
            assert all(map(alive, pids))
        finally:
            parent.kill()
    watched = pids if sys.platform == "linux" else pids[1:]
    wait_until(lambda: not any(map(alive, watched)))
    wait_until(lambda: not scratch.exists())


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_a_child_can_be_ended_by_a_signal_as_anywhere_else(children: Children, name: str) -> None:
    assert shell(children, f"kill -{name} $$; echo survived").stdout == ""


def test_nothing_is_started_or_left_open_when_the_run_is_over() -> None:
    children = Children()
    children.close()
    with pytest.raises(ClientError, match="the run is shutting down"):
        children.run(["/bin/echo"], env=SYSTEM, cwd=Path("/"), limit=5)


def test_a_request_that_cannot_be_met_ends_no_other_child(children: Children) -> None:
    script = "echo x; exec sleep 300"
    with children.start([SH, "-c", script], env=SYSTEM, cwd=Path("/")) as other:
        assert other.read_line_with("x", 5)
        with pytest.raises(ClientError, match="cannot be started: embedded null byte"):
            children.run(["/bin/echo", "a\0b"], env=SYSTEM, cwd=Path("/"), limit=5)
        assert children.run(["/bin/echo", "x"], env=SYSTEM, cwd=Path("/"), limit=5).stdout == "x\n"
