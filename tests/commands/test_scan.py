"""`authprobe scan` as a user runs it."""

import contextlib
import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from authprobe.cli import main
from authprobe.errors import ExitCode
from tests.support.command import command, run
from tests.support.waiting import PATIENCE, wait_until

TOKEN = "sk-ant-oat01-" + "AbCd1234" * 8


def scan(*arguments: str | Path, data: bytes | None = None) -> Result:
    """Run the command with these arguments."""
    return CliRunner().invoke(main, ["scan", *map(str, arguments)], input=data)


def test_a_clean_file_exits_with_0(tmp_path: Path) -> None:
    (tmp_path / "clean.log").write_text("nothing to see")
    ended = scan(tmp_path)
    assert (ended.exit_code, ended.stdout) == (ExitCode.OK, "")
    assert ended.stderr == "1 file scanned, 0 credentials found\n"


def test_directories_are_scanned_recursively(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "debug.log.gz").write_bytes(gzip.compress(f"x\n{TOKEN}".encode()))
    (tmp_path / "z").write_text("clean")
    ended = scan(tmp_path)
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert ended.stdout.endswith(
        "debug.log.gz: what looks like a token, at unpacked, line 2, column 1\n"
    )
    assert TOKEN[13:25] not in ended.output
    assert ended.stderr == "2 files scanned, 1 credential found\n"


def test_standard_input_is_scanned_and_printed_as_json() -> None:
    ended = scan("--json", "-", data=TOKEN.replace("-", "%2d").encode())
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert json.loads(ended.stdout) == {
        "file": "-",
        "name": "token",
        "place": "line 1, column 1",
        "read_as": ["unescaped"],
    }


@pytest.mark.parametrize("name", ["missing", f"missing-{TOKEN}"])
def test_a_missing_file_is_reported(name: str, tmp_path: Path) -> None:
    ended = scan(tmp_path / name)
    assert ended.exit_code == ExitCode.USAGE
    assert "no such file or directory; nothing was scanned" in ended.stderr
    assert "Abcd1234" not in ended.output


def test_an_unreadable_file_is_reported_and_the_others_are_scanned(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "clean").write_text("x")
    ended = scan(tmp_path)
    assert ended.exit_code == ExitCode.USAGE
    assert "broken: cannot be read: No such file or directory" in ended.stderr
    assert "1 file scanned, 0 credentials found, 1 could not be read" in ended.stderr


def test_file_names_are_redacted_and_escaped(tmp_path: Path) -> None:
    (tmp_path / f"{TOKEN}\n::error::\x1b[31m").write_text(TOKEN)
    ended = scan(tmp_path)
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert TOKEN not in ended.output
    assert "\x1b" not in ended.output
    assert not [line for line in ended.output.splitlines() if line.startswith("::")]


def test_a_file_name_cannot_forge_a_line(tmp_path: Path) -> None:
    (tmp_path / "x\n0 files scanned, 0 credentials found").write_text(TOKEN)
    for path in (tmp_path, tmp_path / "missing\nok: clean"):
        output = scan(path).output
        assert not [line for line in output.splitlines() if line.startswith(("0 files", "ok"))]
    assert json.loads(scan("--json", tmp_path).stdout)["file"].count("\n") == 1


def test_a_call_without_files_is_a_usage_error(tmp_path: Path) -> None:
    assert run("scan", cwd=tmp_path).code == ExitCode.USAGE


def test_a_pipe_is_scanned(tmp_path: Path) -> None:
    ended = subprocess.run(
        command("scan", "-"), input=TOKEN.encode("utf-16"), capture_output=True, check=False
    )
    assert ended.returncode == ExitCode.SECRET_FOUND


def test_a_named_pipe_is_waited_for(tmp_path: Path) -> None:
    pipe, writers = tmp_path / "pipe", list[int]()
    os.mkfifo(pipe)

    def is_opened_or_ended() -> bool:
        with contextlib.suppress(OSError):  # nobody reads it
            writers.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(writers) or waiting.poll() is not None

    with subprocess.Popen(command("scan", pipe), stdout=subprocess.PIPE) as waiting:
        wait_until(is_opened_or_ended)
        for writer in writers:
            os.write(writer, TOKEN.encode())
            os.close(writer)
        output, _ = waiting.communicate(timeout=PATIENCE)
    assert (waiting.returncode, b"pipe: what looks like a token" in output) == (10, True)


def test_pipes_below_a_folder_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert scan(tmp_path).stderr == "0 files scanned, 0 credentials found\n"


def test_a_token_in_a_file_name_is_found(tmp_path: Path) -> None:
    (tmp_path / TOKEN).write_text("clean")
    ended = scan(tmp_path)
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert "what looks like a token, at file name, line 1, column " in ended.stdout
    assert TOKEN not in ended.output


def test_a_device_is_not_read() -> None:
    ended = scan("/dev/zero")
    assert ended.exit_code == ExitCode.USAGE
    assert "/dev/zero: cannot be read: it is a device, which may never end" in ended.stderr


def test_a_huge_sparse_file_is_reported(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * 1024**3)
    ended = scan(tmp_path)
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert "could not be scanned: more than 67,108,864 bytes" in ended.stdout


def test_a_loop_of_links_ends_and_a_deep_folder_is_scanned(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(1200):
        folder /= "d"
        folder.mkdir()
    (folder / "secret").write_text(TOKEN)
    (folder / "up").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    try:
        ended = scan(tmp_path)
    finally:  # pytest cannot: its removal of old folders recurses
        subprocess.run(["/bin/rm", "-r", tmp_path / "d"], check=True)
    assert ended.exit_code == ExitCode.SECRET_FOUND
    assert "loop: cannot be read" in ended.stderr
    assert "1 credential found, 1 could not be read" in ended.stderr


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    ended = scan(tmp_path)
    assert ended.exit_code == ExitCode.USAGE
    assert "closed: cannot be read: Permission denied" in ended.stderr
