import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from authprobe.cli import SECTIONS, main
from authprobe.core.gates import NEVER, Gate
from tests.support.command import run

WIDTHS = (80, 100)
"""Columns of a terminal: the usual minimum, and the most that a help text uses."""


def command_paths(command: click.Command = main, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of a command and of each of its subcommands."""
    yield path
    if isinstance(command, click.Group):
        for name, subcommand in command.commands.items():
            yield from command_paths(subcommand, *path, name)


PATHS = sorted(command_paths())


def help_lines(*words: str, width: int) -> list[str]:
    """Return the lines that `--help` prints at this width."""
    result = CliRunner().invoke(
        main, [*words, "--help"], terminal_width=width - 2
    )  # click leaves two free
    assert result.exit_code == 0
    return result.output.splitlines()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_help_fits_the_terminal(words: tuple[str, ...], width: int) -> None:
    assert [line for line in help_lines(*words, width=width) if len(line) > width] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_no_summary_is_truncated(width: int) -> None:
    for words in ((), ("clients",)):
        summaries = help_lines(*words, width=width)[1:]  # the usage line ends in [ARGS]...
        assert [line for line in summaries if line.endswith("...")] == []


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_help_of_each_command_has_examples_and_exit_codes(words: tuple[str, ...]) -> None:
    lines = help_lines(*words, width=80)
    assert "  Examples:" in lines
    is_group = words in ((), ("clients",))
    assert is_group or "  Exit codes:" in lines


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_each_option_has_a_help_text(words: tuple[str, ...]) -> None:
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_each_command_is_listed_under_one_heading() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(main.commands)
    assert [main.commands[name].name for name in listed] == listed
    lines = help_lines(width=80)
    assert [f"{title}:" for title in SECTIONS if f"{title}:" not in lines] == []


def test_the_help_of_a_run_explains_every_reason_to_fail() -> None:
    text = CliRunner().invoke(main, ["run", "--help"]).output
    explained = text.partition("Reasons to fail")[2].partition("Exit codes")[0]
    words = {line.split()[0] for line in explained.splitlines() if re.match(r" {4}\w", line)}
    assert words == {*Gate, NEVER}


def test_a_start_imports_only_the_command_that_is_used(tmp_path: Path) -> None:
    code = (
        "import sys; from authprobe.cli import main; main(['scan', '-h'], standalone_mode=False); "
        "print({f'authprobe.cli.{name}' for name in ('run', 'scan')} & {*sys.modules})"
    )
    process = run(cwd=tmp_path, argv=[sys.executable, "-c", code])
    assert process.out.endswith("{'authprobe.cli.scan'}\n")


def test_explain_loads_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "error.log").write_text("API Error: 401 OAuth token has expired")
    code = (
        "import sys; from authprobe.cli import main\n"
        "try: main(['explain', 'error.log'])\n"
        "except SystemExit as error: print(error.code, 'yaml' in sys.modules)"
    )
    process = run(cwd=tmp_path, argv=[sys.executable, "-c", code])
    assert process.out.endswith("\n0 False\n")
