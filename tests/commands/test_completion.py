"""Completion on the command line, and in real shells where they are installed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from authprobe.cli import main
from authprobe.cli.completion import completions_of
from authprobe.commands.completion import MAX_WORDS
from tests.support.command import run
from tests.support.shells import SHELLS, Shell, started_shell
from tests.support.speed import processor_time_below

EXPIRED = "cli-login/claude-code@latest/default/expired"
HOSTILE = (
    "x1$(touch ran)",
    "x2`touch ran`",
    "x3;touch ran;",
    "x4'\"touch ran",
    "x5\ntouch ran",
    "x6 & touch ran",
    "x7{a,b}*?~!",
    "x8\\",
)
"""Names of which a shell must run and expand nothing."""


def completed(folder: Path, line: str) -> list[str]:
    """Return the words that complete a line, or the kinds of paths."""
    ended = run("completion", "bash", f"authprobe {line}", cwd=folder)
    assert (ended.code, ended.err) == (0, "")
    rows = (row.split("\t") for row in ended.out.splitlines())
    return [row[1] if row[0] == "plain" else f"<{row[0]}>" for row in rows]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("completio", ["completion"]),
        ("clients pr", ["prune"]),
        ("run --json --reg", []),
        ("run --baseli", ["--baseline"]),
        ("run --suite sm", ["smoke"]),
        ("run --suite=sm", ["--suite=smoke"]),
        ("run --suite 'sm", ["smoke"]),
        ("run ", ["incidents", "clients", "<scenario>"]),
        ("run --fail-on failed,reg", ["failed,regressed"]),
        ("run --fail-on f", ["failed", "findings", "flaky"]),
        ("run --fail-on failed,f", ["failed,findings", "failed,flaky"]),
        ("run --fail-on n", ["never"]),
        ("run --fail-on failed,n", []),
        ("run --fail-on never,", []),
        ("run --target l", ["live"]),
        ("run --isolation n", ["network", "none"]),
        ("run --har ", ["<file>"]),
        ("run --case cli-login/claude-code@latest/default/expi", [EXPIRED]),
        ("run --client claude-code@inst", ["claude-code@installed"]),
        ("run --client unknown@1", []),
        ("diff anthropic-python@0.97", ["anthropic-python@0.97.0"]),
        ("diff old/results.js", ["<file>"]),
        ("bisect cli-login/agent-sdk-node/default/expired --good 0.1.77", ["0.1.77"]),
        ("versions --client anthropic-python --since 0.97", ["0.97.0"]),
        ("drift L03", ["L03"]),
        ("emulator --fault nam", ["name-not-found"]),
        ("emulator --fault A30", ["A30"]),
        ("emulator --standing credit", ["credit-exhausted"]),
        ("emulator --expect unr", ["unreachable"]),
        ("emulator --issue set", ["setup-token"]),
        ("config d", ["diff", "doctor", "drift"]),
        ("config py", ["pytest"]),
        ("config clients pr", ["prune"]),
        ("config nosuch ", []),
        ("clients install lite", ["litellm"]),
        ("explain ", ["<file>"]),
    ],
)
def test_a_line_is_completed(tmp_path: Path, line: str, words: list[str]) -> None:
    assert completed(tmp_path, line) == words


def test_every_command_is_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "") == sorted(main.commands)


def test_no_value_of_an_option_is_left_to_chance(tmp_path: Path) -> None:
    """A name, an id or a version that an option takes is completed."""
    for command in main.commands.values():
        for option in command.params:
            metavar = getattr(option, "metavar", None) or ""
            is_known = any(word in metavar for word in ("VERSION", "CASE", "ID", "PATH", "WORD"))
            if is_known and not isinstance(option.type, click.Path):
                assert vars(option)["_custom_shell_complete"], (command.name, option.name)


@pytest.mark.parametrize("typed", ["", "c"])
def test_every_parameter_of_every_command_is_completed(
    tmp_path: Path, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A completion that fails ends with a traceback, and the shell then offers nothing."""
    monkeypatch.chdir(tmp_path)
    lines = [
        f"authprobe {path} {flag}{typed}"
        for path, command in commands_of(main)
        for parameter in command.params
        for flag in option_flags(parameter)
    ]
    assert "authprobe watch --client " + typed in lines
    for line in lines:
        for kind, word, text in completions_of(main, line):
            assert (type(kind), type(word), type(text)) == (str, str, str), line


def commands_of(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each command, also of nested groups, with the words that name it."""
    for name, command in group.commands.items():
        words = f"{path} {name}".strip()
        yield words, command
        if isinstance(command, click.Group):
            yield from commands_of(command, words)


def option_flags(parameter: click.Parameter) -> list[str]:
    """Return what is typed before the value of a parameter: nothing for an argument."""
    if isinstance(parameter, click.Option):
        return [] if parameter.is_flag else [f"{flag} " for flag in parameter.opts]
    return [""]


@pytest.mark.parametrize("command", ["watch", "versions"])
def test_clients_are_completed_without_versions(tmp_path: Path, command: str) -> None:
    assert completed(tmp_path, f"{command} --client anthropic-p") == ["anthropic-python"]


def test_an_id_that_is_an_option_is_not_offered(tmp_path: Path) -> None:
    ids = ("--baseline=../victim.json", "-h", "--", "mine/raw-http/default/none")
    (tmp_path / "r.json").write_text(json.dumps({"cases": [{"id": id} for id in ids]}))
    assert completed(tmp_path, "accept --results r.json ") == [ids[-1]]


def test_too_many_words_are_not_offered_before_more_is_typed(tmp_path: Path) -> None:
    cases = [{"id": f"a{number}"} for number in range(MAX_WORDS + 1)]
    (tmp_path / "r.json").write_text(json.dumps({"cases": cases}))
    assert completed(tmp_path, "accept --results r.json a") == []
    assert completed(tmp_path, f"accept --results r.json a{MAX_WORDS}") == [f"a{MAX_WORDS}"]


def test_versions_of_the_cache_come_newest_first(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "claude-code"
    for name in ("9.8.7", "9.8.10", "9.8.$(touch ran)", "9.8.7.lock"):
        (folder / name).mkdir(parents=True)
    (folder / "published.json").write_text(json.dumps({"versions": ["9.9.0"], "at": 1}))
    line = "authprobe versions --since 9."
    ended = run("completion", "zsh", line, cwd=tmp_path, AUTHPROBE_CACHE=str(tmp_path / "cache"))
    assert ended.out.split() == ["plain", "9.9.0", "plain", "9.8.10", "plain", "9.8.7"]


@pytest.mark.parametrize("content", ["[" * 100_000, "{}", '{"cases": 1}', "\0", '{"cases": [{}]}'])
def test_a_file_that_is_no_results_completes_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content)
    assert completed(tmp_path, "accept --results r.json ") == []
    assert completed(tmp_path, "accept --results missing.json ") == []


def test_cases_of_the_run_are_completed_unless_a_shell_would_expand_them(tmp_path: Path) -> None:
    write_results(tmp_path)
    for command in ("accept", "share", "report --case"):
        assert completed(tmp_path, f"{command} ") == ["mine/raw-http/default/none"]


def test_bundled_cases_are_completed_where_no_case_of_the_run_fits(tmp_path: Path) -> None:
    commands = ("bisect", "run --case", "history", "diff a b")
    for command in commands:
        assert EXPIRED in completed(tmp_path, f"{command} ")
    write_results(tmp_path)
    for command in commands:
        assert completed(tmp_path, f"{command} ") == ["mine/raw-http/default/none"]
        assert completed(tmp_path, f"{command} mine") == ["mine/raw-http/default/none"]
        assert EXPIRED in completed(tmp_path, f"{command} cli-login")


def write_results(folder: Path) -> None:
    """Write what a completion reads of a results.json, with the ids of an attacker."""
    (folder / "reports").mkdir()
    cases = [{"id": id} for id in (*HOSTILE, "mine/raw-http/default/none")]
    (folder / "reports" / "results.json").write_text(json.dumps({"cases": cases}))


@pytest.mark.parametrize(
    "line",
    [
        *("", '"', "'", "\\", "run '", 'run "$(touch ran)', "run --suite=\\", "run \n --su"),
        *("run --client @", "run --client=@@1", "diff @ @", "bisect / --good ", "-- -- --"),
        *("run --fail-on ,", "clients \x1b[2J", "run " + "x" * 50_000, "é --ü=\udcff"),
    ],
)
def test_no_line_is_an_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "authprobe.toml").write_text("this is [no TOML")
    completed(tmp_path, line)
    assert not (tmp_path / "ran").exists()


def test_a_completion_takes_little_time(tmp_path: Path) -> None:
    from authprobe.cli.completion import completions_of

    for line in ("run --case ", "run --client claude-code@", "run --suite ", "emulator --fault "):
        with processor_time_below(0.1):
            assert list(completions_of(main, f"authprobe {line}"))


def completed_by(shell: Shell, typed: str) -> list[str]:
    """Return the arguments after Tab and Enter; zsh removes the slash of a directory at Enter."""
    return [each.removesuffix("/") for each in shell.run_completed(typed)]


def needed_shell(name: str) -> str:
    """Return the name of a shell, or skip the test where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_completes_words_and_paths(tmp_path: Path, name: str) -> None:
    cwd = tmp_path / "project"
    (cwd / "folder").mkdir(parents=True)
    for file in ("mine.yaml", "mint.txt", "authprobe.toml"):
        (cwd / file).write_text("[broken")
    with started_shell(needed_shell(name), tmp_path / name, cwd) as shell:
        for typed, arguments in (
            ("authprobe run --client claude-code@2.1.331", "run --client claude-code@2.1.331"),
            ("authprobe run --client=anthropic-node@1.14", "run --client=anthropic-node@1.14.0"),
            ("true | A=1 authprobe run --suite sm", "run --suite smoke"),
            ("authprobe run --suite 'sm", "run --suite smoke"),
            ("authprobe run min", "run mine.yaml"),
            ("authprobe run fo", "run folder"),
            ("authprobe run --har=fo", "run --har=folder"),
            ("authprobe explain mint", "explain mint.txt"),
        ):
            assert completed_by(shell, typed) == arguments.split()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_runs_nothing_of_a_name(tmp_path: Path, name: str) -> None:
    cwd = tmp_path / "project"
    cwd.mkdir()
    write_results(cwd)
    for each in HOSTILE:
        (cwd / f"{each}.yaml").touch()
    folder = "y$(touch ran) `touch ran`'\""
    (cwd / folder).mkdir()
    with started_shell(needed_shell(name), tmp_path / name, cwd) as shell:
        for each in HOSTILE:
            found = completed_by(shell, f"authprobe run {each[:2]}")
            # bash and fish take each line for a name, and two of them have no common beginning.
            assert found == ["run", f"{each}.yaml"] or ("\n" in each and name != "zsh"), each
        for typed in ("x1", "x5"):
            assert completed_by(shell, f"authprobe accept {typed}") == ["accept", typed]
        assert completed_by(shell, "authprobe run y") == ["run", folder]
        assert completed_by(shell, "authprobe accept m")[1] == "mine/raw-http/default/none"
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.slow
def test_bash_completes_a_path_with_set_e_and_one_that_looks_like_an_option(tmp_path: Path) -> None:
    cwd = tmp_path / "project"
    (cwd / "nested").mkdir(parents=True)
    (cwd / "mine.yaml").touch()
    (cwd / "nested" / "--json").touch()
    with started_shell(needed_shell("bash"), tmp_path / "bash", cwd) as shell:
        assert completed_by(shell, "set -e; authprobe run mi") == ["run", "mine.yaml"]
        assert completed_by(shell, "authprobe run mi") == ["run", "mine.yaml"]
        assert completed_by(shell, "cd nested; authprobe explain x")[0] == "explain"
        assert completed_by(shell, "authprobe explain ") == ["explain", "./--json"]


@pytest.mark.slow
def test_bash_completes_in_quotes_and_without_equals_as_a_word_break(tmp_path: Path) -> None:
    cwd = tmp_path / "project"
    (cwd / "folder").mkdir(parents=True)
    (cwd / "one file.txt").touch()
    with started_shell(needed_shell("bash"), tmp_path / "bash", cwd) as shell:
        for setting in ("", "COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}; "):
            for typed, arguments in (
                ('run --suite="sm', ["run", "--suite=smoke"]),
                ("run --suite='sm", ["run", "--suite=smoke"]),
                ('run --su"it', ["run", "--suite"]),
                ('run --client="claude-code@2.1.331', ["run", "--client=claude-code@2.1.331"]),
                ("run --client \\claude-code@2.1.331", ["run", "--client", "claude-code@2.1.331"]),
                ('run --fail-on="failed,reg', ["run", "--fail-on=failed,regressed"]),
                ("run --har=fo", ["run", "--har=folder"]),
                ("diff a b --html=one", ["diff", "a", "b", "--html=one file.txt"]),
                ('diff a b --html="one', ["diff", "a", "b", "--html=one file.txt"]),
            ):
                assert completed_by(shell, f"{setting}authprobe {typed}") == arguments


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bash", "zsh"])  # fish completes other paths behind = and :
def test_a_shell_completes_a_path_with_word_breaks_in_its_name(tmp_path: Path, name: str) -> None:
    cwd = tmp_path / "project"
    (cwd / "a:b").mkdir(parents=True)
    (cwd / "@other").mkdir()
    for file in ("h@t.yaml", "x=1.yaml", "a:b/c:d.yaml", "a:b/e=@:.txt"):
        (cwd / file).touch()
    with started_shell(needed_shell(name), tmp_path / name, cwd) as shell:
        for typed, arguments in (
            ("run h@", "run h@t.yaml"),
            ("run a:", "run a:b"),
            ("run a:b/c:", "run a:b/c:d.yaml"),
            ("run x=", "run x=1.yaml"),
            ("explain a:b/e=@", "explain a:b/e=@:.txt"),
            ("run --har=x=", "run --har=x=1.yaml"),
            ("run --har=a:", "run --har=a:b"),
        ):
            assert completed_by(shell, f"authprobe {typed}") == arguments.split()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_completes_a_path_that_is_typed_with_quotes(tmp_path: Path, name: str) -> None:
    cwd, home = tmp_path / "project", tmp_path / name / "home"
    for folder in (cwd / "one folder", home):
        folder.mkdir(parents=True)
    for file in (cwd / "two words.yaml", cwd / "one folder" / "in.yaml", home / "own.yaml"):
        file.touch()
    with started_shell(needed_shell(name), tmp_path / name, cwd) as shell:
        for typed, argument in (
            ("run two\\ w", "two words.yaml"),
            ("explain 'two w", "two words.yaml"),
            ("explain one\\ folder/i", "one folder/in.yaml"),
            ("run --har=one\\ folder/i", "--har=one folder/in.yaml"),
            ("explain ~/ow", f"{home}/own.yaml"),
        ):
            assert completed_by(shell, f"authprobe {typed}")[1:] == [argument]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_offers_no_path_that_is_an_option(tmp_path: Path, name: str) -> None:
    cwd = tmp_path / "project"
    cwd.mkdir()
    (cwd / "--json").touch()
    with started_shell(needed_shell(name), tmp_path / name, cwd) as shell:
        assert completed_by(shell, "authprobe explain ") in (["explain"], ["explain", "./--json"])
        assert completed_by(shell, "authprobe run --har=") == ["run", "--har=--json"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_a_completion_reads_nothing_from_the_terminal(tmp_path: Path, name: str) -> None:
    """With this variable, Python would else wait for input and take the next lines."""
    with started_shell(needed_shell(name), tmp_path / name, tmp_path) as shell:
        setting = "set -gx PYTHONINSPECT" if name == "fish" else "export PYTHONINSPECT="
        assert shell.run_completed(f"{setting} 1; authprobe -- x".replace("= ", "="))
        assert completed_by(shell, "authprobe run --suite sm") == ["run", "--suite", "smoke"]


@pytest.mark.slow
def test_bash_completes_behind_a_long_word_at_once(tmp_path: Path) -> None:
    cwd = tmp_path / "project"
    cwd.mkdir()
    with started_shell(needed_shell("bash"), tmp_path / "bash", cwd) as shell:
        assert shell.run_completed(f"authprobe run --set a={'x' * 20_000}")[0] == "run"
        assert completed_by(shell, "authprobe run --suite sm") == ["run", "--suite", "smoke"]
