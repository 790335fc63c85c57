"""`authprobe explain --interactive`: questions on a terminal."""

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from authprobe.cli import main
from authprobe.commands.explain_dialogue import MAX_ATTEMPTS, ask_questions
from authprobe.diagnosis.incident.incident import Incident, open_incident
from authprobe.diagnosis.incident.recognition import recognise
from tests.diagnosis.incident.test_settings_facts import NOW
from tests.support.command import command, environment

SETSID = shutil.which("setsid") or "setsid"
TEXT = "login failed: token expired, api key invalid\n"


def incident(text: str = TEXT) -> Incident:
    return open_incident((recognise("-", text),), now=NOW)


def asked(lines: Iterator[str], text: str = TEXT) -> Incident:
    return ask_questions(incident(text), lambda: next(lines, ""))


def test_an_answer_shows_how_it_changed_the_ranking(capsys: pytest.CaptureFixture[str]) -> None:
    after = asked(iter(["2\n"]))
    out, err = capsys.readouterr()
    assert out == ""
    assert "question 1 of at most 3: How does the value of the credential begin?" in err
    assert "  access-token-expired: 0.84 -> 0.98, certain\n" in err
    assert "there is nothing more to ask" in err
    assert after.conclude().matches[0].cause.id == "access-token-expired"


@pytest.mark.parametrize("word", ["u\n", "\n", "unknown\n", "U \n"])
def test_an_unknown_answer_changes_nothing_and_asks_another_question(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    after = asked(iter([word] * 9))
    err = capsys.readouterr().err
    assert err.count("question ") == 3
    assert "->" not in err
    assert after.conclude().matches == incident().conclude().matches
    assert len(after.asked) == 3


def test_what_is_no_answer_is_asked_again_a_few_times(capsys: pytest.CaptureFixture[str]) -> None:
    after = asked(iter(["9\n", "²\n", "\x1b[A\n", "x" * 100_000 + "\n", "1\n"]))
    assert capsys.readouterr().err.count("that is none of the answers") == 4
    assert after.answers[0].answer == "api-key"
    asked(iter(["x\n"] * MAX_ATTEMPTS))
    assert "question 2" in capsys.readouterr().err


def test_the_end_of_input_ends_the_questions(capsys: pytest.CaptureFixture[str]) -> None:
    after = asked(iter([]))
    assert capsys.readouterr().err.count("question ") == 1
    assert after.answers == ()


def test_nothing_is_asked_where_the_cause_is_certain(capsys: pytest.CaptureFixture[str]) -> None:
    asked(iter(["y\n"]), "API Error: 529 overloaded_error")
    assert "there is nothing to ask" in capsys.readouterr().err


def test_without_a_terminal_it_exits_with_4() -> None:
    result = CliRunner().invoke(main, ["explain", "--interactive"], input=TEXT)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "there is no terminal to ask on; leave it out" in result.stderr


class Terminal:
    """The command on a terminal of its own, as a person uses it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [SETSID, "--ctty", "--wait", *command("explain", *arguments)],
            cwd=folder,
            env=environment(folder / "home"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.output = ""

    def wait_for(self, text: str) -> None:
        """Read until the text is shown."""
        deadline = time.monotonic() + 30
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            ready, _, _ = select.select([self.master], [], [], 1)
            if ready:
                self.output += os.read(self.master, 10_000).decode()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        code = self.process.wait(timeout=30)
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.output += os.read(self.master, 10_000).decode()
            except OSError:  # Linux: the other end is closed
                break
        return code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "error.log").write_text(TEXT)
    return tmp_path


def test_a_person_answers_on_a_terminal(folder: Path) -> None:
    terminal = Terminal(folder, "--interactive", "error.log")
    terminal.wait_for("1 to 3, or u for unknown: ")
    terminal.type("2\n")
    assert terminal.end() == 0
    assert "access-token-expired (certain" in terminal.output
    assert "your answer: the value begins with sk-ant-oat" in terminal.output


def test_pasted_text_is_followed_by_questions(folder: Path) -> None:
    terminal = Terminal(folder, "--interactive")
    terminal.wait_for("press Ctrl-D")
    terminal.type(TEXT)
    terminal.type("\x04")
    terminal.wait_for("or u for unknown: ")
    terminal.type("2\n")
    assert terminal.end() == 0


def test_ctrl_c_at_a_question_ends_without_a_traceback(folder: Path) -> None:
    terminal = Terminal(folder, "--interactive", "error.log")
    terminal.wait_for("or u for unknown: ")
    terminal.type("\x03")
    assert terminal.end() == 2
    assert terminal.output.rstrip().endswith("interrupted")
    assert "Traceback" not in terminal.output
