import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from authprobe.core.escaping import is_visible
from tests.support.command import command, environment, run, write_scenario
from tests.support.ordinary_user import as_user, folder_of_user, python_of_user

SCENARIO = """
id: request
title: A request
why: To show its results.
sources: [https://example.org/]
endpoints: {api: {url: "https://api.anthropic.com/v1/messages"}}
matrix: {client: [raw-http], endpoint: [api], credential: [none]}
expect: {outcome: rejected}
"""


def end_without_reader(tmp_path: Path, *words: str | Path) -> tuple[int, str]:
    """Return the exit code and stderr of a command whose output nobody reads."""
    process = subprocess.Popen(
        command(*words),
        env=environment(tmp_path / "home"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    return process.wait(60), err


@pytest.mark.parametrize("words", [("emulator", "--rules"), ("run", "--list")], ids=" ".join)
def test_a_reader_that_has_read_enough_is_neither_a_bug_nor_a_failure(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert end_without_reader(tmp_path, *words) == (141, "")


@pytest.mark.slow
@pytest.mark.parametrize(("outcome", "expected"), [("rejected", 0), ("accepted", 1)])
def test_a_run_without_reader_has_its_own_exit_code_and_reports(
    tmp_path: Path, outcome: str, expected: int
) -> None:
    scenario = write_scenario(tmp_path, SCENARIO.replace("rejected", outcome))
    for options in ((), ("--json",)):
        code, err = end_without_reader(tmp_path, "run", scenario, *options)
        assert (code, "Traceback" in err) == (expected, False)
    assert (tmp_path / "reports" / "report.html").exists()


def run_into_full_disk(tmp_path: Path, *words: str) -> tuple[int, str]:
    """Return the exit code and stderr of a command whose stdout is on a full disk."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command(*words),
            env=environment(tmp_path / "home"),
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    return ended.returncode, ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("run", "--help"),
        ("run", "--list"),
        ("emulator", "--rules"),
        ("schema",),
        ("explain", "--causes"),
        ("doctor", "--json"),
    ],
    ids=" ".join,
)
def test_full_disk_of_the_output_is_one_clear_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, err = run_into_full_disk(tmp_path, *words)
    assert (code, err) == (4, "the output cannot be written: No space left on device\n")


@pytest.mark.slow
def test_full_disk_of_the_output_costs_no_report(tmp_path: Path) -> None:
    write_scenario(tmp_path, SCENARIO)
    options = ("--out", "reports", "--history", "none")
    code, err = run_into_full_disk(tmp_path, "run", ".", "--json", *options)
    assert code == 4
    assert err.endswith("the output cannot be written: No space left on device\n")
    assert "Traceback" not in err
    assert (tmp_path / "reports" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("outcome", "expected"), [("rejected", 0), ("accepted", 1)])
def test_full_disk_of_the_messages_costs_no_report(
    tmp_path: Path, outcome: str, expected: int
) -> None:
    """Nor the exit code, which is all that is left to tell the result."""
    scenario = write_scenario(tmp_path, SCENARIO.replace("rejected", outcome))
    options = ("--out", "reports", "--history", "none")
    with Path("/dev/full").open("w") as full:
        for words, code in ((("run", scenario, *options), expected), (("run", "nosuch.yaml"), 4)):
            ended = subprocess.run(
                command(*words),
                env=environment(tmp_path / "home"),
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=full,
                check=False,
            )
            assert ended.returncode == code
    assert (tmp_path / "reports" / "report.html").exists()


DELETED = """
import os, runpy, sys
os.rmdir(os.getcwd())
sys.argv[0] = "authprobe"
runpy.run_module("authprobe", run_name="__main__")
"""


def test_a_deleted_working_directory_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    scenario = write_scenario(tmp_path, SCENARIO)
    ended = subprocess.run(
        [sys.executable, "-c", DELETED, "run", scenario, "--out", tmp_path / "reports"],
        env=environment(tmp_path / "home"),
        cwd=tmp_path / "gone",
        capture_output=True,
        text=True,
        check=False,
    )
    message = "the working directory was deleted; change to another one\n"
    assert (ended.returncode, ended.stderr) == (4, message)


def test_an_argument_is_quoted_without_control_characters(tmp_path: Path) -> None:
    for words in (
        ["\x1b[2J\u202e"],
        ["history", "--\x1b[2J\u202e"],
        ["emulator", "--port", "\x9b"],
    ):
        ended = run(*words, cwd=tmp_path)
        assert ended.code == 4
        assert all(character == "\n" or is_visible(character) for character in ended.err)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("nothing",),
        ("run", "--list"),
        ("run", "request.yaml"),
        ("explain", "--causes"),
    ],
    ids=" ".join,
)
def test_a_fork_behaves_as_a_new_process(tmp_path: Path, words: tuple[str, ...]) -> None:
    """What other tests run in a fork of the server of commands is what a user runs."""
    ends, files = [], []
    for name, argv in (("fork", None), ("new", command(*words))):
        (tmp_path / name).mkdir()
        write_scenario(tmp_path / name, SCENARIO, "request.yaml")
        ended = run(*words, cwd=tmp_path / name, argv=argv)
        ends.append((ended.code, re.sub(r"\d+\.\d s\b", "", ended.out), ended.err))
        paths = (tmp_path / name).rglob("*")
        files.append(sorted(str(p.relative_to(tmp_path / name)) for p in paths))
    assert ends[0] == ends[1]
    assert files[0] == files[1]


LONG = "n" * 300
"""A name that no file can have."""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("scan", LONG), 4),
        (("diff", f"claude-code@{LONG}", "after.json"), 4),
        (("versions", "--data", LONG), 4),
        (("run", "--list"), 4),
        (("emulator", "--quiet", "--", LONG), 126),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_path_that_cannot_be_looked_at_is_no_bug(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    (tmp_path / "authprobe.toml").write_text(f'scenarios = ["{LONG}"]\n' if "run" in words else "")
    ended = run(*words, cwd=tmp_path)
    assert (ended.code, "Traceback" in ended.err) == (code, False)
    assert LONG in ended.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder that others cannot search")
def test_a_baseline_that_cannot_be_looked_at_is_not_left_out() -> None:
    with folder_of_user() as folder:
        (folder / "reports").mkdir(mode=0o700)
        ended = as_user([python_of_user(folder), "-m", "authprobe", "run", "--list"], folder)
    assert (ended.returncode, "Traceback" in ended.stderr) == (4, False)
    assert "reports/baseline.json: Permission denied" in ended.stderr


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("versions", "claude-code"), "Got unexpected extra argument (claude-code)"),
        (("watch", "llm@0.27"), "Got unexpected extra argument (llm@0.27)"),
        (("run", "claude-code@latest"), "claude-code@latest:1:1: no such file"),
    ],
    ids=str,
)
def test_a_client_without_its_option_gets_a_hint(
    tmp_path: Path, words: tuple[str, str], error: str
) -> None:
    result = run(*words, cwd=tmp_path)
    hint = f"{error}; to name a client, write --client {words[1]}"
    assert (result.code, result.err.splitlines()[-1].removeprefix("Error: ")) == (4, hint)


@pytest.mark.parametrize(
    "words", [("versions", "clode"), ("run", "clode"), ("clients", "list", "claude-code")], ids=str
)
def test_other_arguments_get_no_hint_about_clients(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = run(*words, cwd=tmp_path)
    assert (result.code, "--client" in result.err) == (4, False)
