"""`authprobe explain --interactive`: questions on a terminal."""

import dataclasses
import os
import pty
import re
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
from authprobe.diagnosis.causes import causes
from authprobe.diagnosis.incident.incident import Incident
from authprobe.diagnosis.incident.weighing import rank_by_words
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel
from tests.support.command import command, environment
from tests.support.waiting import PATIENCE

SETSID = shutil.which("setsid") or "setsid"
TEXT = "HTTP 500 Internal server error, getaddrinfo ENOTFOUND x\n"


def incident(*pairs: tuple[str, float]) -> Incident:
    """Return an incident whose words point to these causes with these confidences."""
    matches = tuple(
        CauseMatch(cause=causes()[cause], confidence=confidence, level=ConfidenceLevel.POSSIBLE)
        for cause, confidence in pairs or (("api-key-invalid", 0.5), ("access-token-expired", 0.45))
    )
    return Incident(
        ranking=rank_by_words(matches, causes()),
        facts=(),
        contradictions=(),
        version=None,
        date=None,
        catalogue=causes(),
    )


def asked(lines: Iterator[str], *pairs: tuple[str, float]) -> Incident:
    return ask_questions(incident(*pairs), lambda: next(lines, ""))


def test_an_answer_shows_how_it_changed_the_ranking(capsys: pytest.CaptureFixture[str]) -> None:
    after = asked(iter(["2\n"]))
    out, err = capsys.readouterr()
    assert out == ""
    assert "question 1 of at most 3: How does the value of the credential begin?" in err
    assert re.search(r"  access-token-expired: 0.45 -> 0.[89]\d, \w+\n", err)
    assert re.search(r"\n  api-key-invalid: 0.50 -> 0.[012]\d, possible\n", err)
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
    certain = CauseMatch(
        cause=causes()["overloaded"], confidence=0.99, level=ConfidenceLevel.CERTAIN
    )
    sure = dataclasses.replace(incident(), ranking=rank_by_words((certain,), causes()))
    ask_questions(sure, lambda: "y\n")
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
        deadline = time.monotonic() + PATIENCE
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            ready, _, _ = select.select([self.master], [], [], 1)
            if ready:
                self.output += os.read(self.master, 10_000).decode()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        code = self.process.wait(timeout=PATIENCE)
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
    for number in range(1, 4):
        terminal.wait_for(f"question {number} of at most 3")
        terminal.wait_for("or u for unknown: ")
        terminal.type("u\n")
        terminal.output = terminal.output.rpartition("or u for unknown: ")[2]
    assert terminal.end() == 0
    assert "server-incident (" in terminal.output


def test_lines_are_wrapped_at_the_width_of_the_terminal(folder: Path) -> None:
    (folder / "error.log").write_text(TEXT.strip() + " and more words" * 10)
    terminal = Terminal(folder, "--interactive", "error.log")
    terminal.wait_for("or u for unknown: ")
    terminal.type("\x04")
    assert terminal.end() == 0
    lines = [line for line in terminal.output.splitlines() if "$ " not in line]
    assert any("What would decide" in line for line in lines)
    assert max(len(line) for line in lines if "http" not in line) <= 80


def test_pasted_text_is_followed_by_questions(folder: Path) -> None:
    terminal = Terminal(folder, "--interactive")
    terminal.wait_for("press Ctrl-D")
    terminal.type(TEXT)
    terminal.type("\x04")
    terminal.wait_for("or u for unknown: ")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert "server-incident (" in terminal.output


def test_ctrl_c_at_a_question_ends_without_a_traceback(folder: Path) -> None:
    terminal = Terminal(folder, "--interactive", "error.log")
    terminal.wait_for("or u for unknown: ")
    terminal.type("\x03")
    assert terminal.end() == 2
    assert terminal.output.rstrip().endswith("interrupted")
    assert "Traceback" not in terminal.output
