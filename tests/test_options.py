import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import click
import pytest
from click.testing import CliRunner

from authprobe import plugin
from authprobe.cli import main
from authprobe.cli.options import run_options
from authprobe.core.gates import Gate
from authprobe.errors import SettingsError
from authprobe.items.session import session_settings
from authprobe.options import PYTEST_PREFIX, SCENARIOS, OptionTexts, default_jobs
from authprobe.settings import Settings, parse_settings

Help = dict[str, tuple[str, str]]
"""Metavar and help of each option, by its name."""


def pytest_parser() -> pytest.Parser:
    """Return a parser that has the options of the plugin."""
    parser = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    return parser


def offered_by_pytest() -> Help:
    """Return what pytest offers, hidden options left out."""
    options = pytest_parser().getgroup("authprobe").options
    described = {option.names()[0]: option.attrs() for option in options}
    return {
        name: (values["metavar"], values["help"])
        for name, values in described.items()
        if values["help"] != argparse.SUPPRESS
    }


def offered_by_the_command_line() -> Help:
    """Return what `authprobe run` offers, hidden options left out."""
    options = [each for each in main.commands["run"].params if isinstance(each, click.Option)]
    return {
        option.opts[-1]: (str(option.metavar), str(option.help))
        for option in options
        if not option.hidden
    }


def settings_from_pytest(*arguments: str) -> Settings:
    """Return the settings of a session that pytest was given on its command line."""
    parsed = pytest_parser().parse([in_pytest(argument) for argument in arguments])

    def getoption(name: str) -> object:
        return getattr(parsed, name.removeprefix("--").replace("-", "_"))

    return session_settings(Mock(spec=pytest.Config, getoption=getoption))


def in_pytest(text: str) -> str:
    """Return an argument or a message of the command line as pytest has it."""
    name = "--report" if text == "--out" else text
    return name.replace("--", PYTEST_PREFIX, 1) if name.startswith("--") else name


def settings_from_the_command_line(*arguments: str) -> Settings:
    """Return the settings of a run that a click command was given."""
    settings: list[Settings] = []

    @click.command()
    @click.argument("scenarios", nargs=-1)
    @run_options
    def command(texts: OptionTexts, scenarios: tuple[str, ...]) -> None:
        settings.append(parse_settings({**texts, SCENARIOS.name: scenarios}))

    CliRunner().invoke(command, arguments, catch_exceptions=False)
    return settings[0]


def test_pytest_and_the_command_line_offer_the_same_options_with_the_same_help() -> None:
    from_pytest, from_command_line = offered_by_pytest(), offered_by_the_command_line()
    shared = {in_pytest(name): each for name, each in from_command_line.items()}
    # Of these two pytest has another default, and so another help.
    others = {in_pytest("--jobs"), in_pytest("--out")}
    assert set(from_pytest) - set(shared) == set()
    assert {n: e for n, e in from_pytest.items() if n not in others} == {
        n: shared[n] for n in from_pytest if n not in others
    }
    assert set(shared) - set(from_pytest) == {
        *("-k", *map(in_pytest, ("--list", "--json", "--verbose"))),
        *map(in_pytest, ("--case", "--last-failed", "--max-failures")),  # pytest has its own
        in_pytest("--executor"),  # pytest-xdist is for pytest
        *map(in_pytest, ("--traces", "--metrics")),  # telemetry is for runs
        in_pytest("--suite"),  # pytest is given what to collect
        *map(in_pytest, ("--shard", "--shard-weights")),  # other plugins cut what pytest collects
        *map(in_pytest, ("--yes", "--max-cost", "--allow-renewal")),  # pytest asks the emulator
    }


def test_no_option_of_another_plugin_can_have_the_same_name() -> None:
    assert all(name.startswith("--authprobe-") for name in offered_by_pytest())


def test_pytest_and_the_command_line_have_the_same_defaults() -> None:
    assert settings_from_the_command_line() == Settings()
    assert settings_from_pytest() == Settings(jobs=1)


def test_pytest_and_the_command_line_read_the_same_settings() -> None:
    arguments = (
        *("--client", "raw-http", "--client", "claude-code@2.1.31"),
        *("--jobs", "2", "--jobs", "3", "--out", "out", "--baseline", "old.json"),
        *("--known-failures", "known.yaml", "--history", "none", "--target", "emulator"),
        *("--break-rule", "A1", "--fail-on", "flaky,failed", "--fail-on", "absent"),
        *("--retries", "2", "--har", "requests", "--set", "model=x"),
    )
    settings = Settings(
        clients=("raw-http", "claude-code@2.1.31"),
        variables={"model": "x"},
        jobs=3,
        out=Path("out"),
        baseline=Path("old.json"),
        known_failures=Path("known.yaml"),
        history="none",
        break_rules=frozenset({"A1"}),
        fail_on=(Gate.FAILED, Gate.ABSENT, Gate.FLAKY),
        retries=2,
        har=Path("requests"),
    )
    assert settings_from_pytest(*arguments) == settings
    more = ("--case", "a/b", "--max-failures", "7", "mine.yaml")
    assert settings_from_the_command_line(*arguments, *more) == replace(
        settings, cases=("a/b",), max_failures=7, scenarios=(Path("mine.yaml"),)
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("--jobs", "0", "--jobs 0: must be a whole number of at least 1"),
        ("--jobs", "-5", "--jobs -5: must be a whole number of at least 1"),
        ("--jobs", "many", "--jobs many: must be a whole number of at least 1"),
        ("--retries", "11", "--retries 11: must be a whole number from 0 to 10, such as 2"),
        ("--retries", "-1", "--retries -1: must be a whole number from 0 to 10, such as 2"),
        (
            "--retries",
            f"{0:020}99",
            f"--retries {0:020}99: must be a whole number from 0 to 10, such as 2",
        ),
        (
            "--fail-on",
            "flakey",
            "--fail-on flakey: 'flakey' is not a reason to fail; did you mean 'flaky'?",
        ),
        ("--target", "liev", "--target liev: no such target; use emulator, live, both"),
        ("--target", "", "--target : no such target; use emulator, live, both"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line_by_both(
    name: str, text: str, message: str
) -> None:
    for parse, expected in (
        (settings_from_pytest, in_pytest(message)),
        (settings_from_the_command_line, message),
    ):
        with pytest.raises(SettingsError) as caught:
            parse(f"{name}={text}")
        assert str(caught.value) == expected


def test_a_number_of_failures_below_1_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from_the_command_line("--max-failures=0")
    message = "--max-failures 0: must be a whole number from 1 to 1,000,000, such as 1"
    assert str(caught.value) == message


def test_jobs_default_to_the_number_of_processors() -> None:
    assert Settings().jobs == default_jobs() >= 1


def test_a_baseline_in_reports_is_the_default_only_if_it_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_settings({}).baseline is None
    baseline = Path("reports", "baseline.json")
    baseline.parent.mkdir()
    baseline.touch()
    assert parse_settings({}).baseline == baseline


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [("authprobe.plugin", "authprobe.cli"), ("authprobe.cli", "pytest")],
)
def test_neither_front_end_imports_the_other(module: str, unneeded: str) -> None:
    code = f"import sys, {module}; sys.exit({unneeded!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pytest_takes_what_variables_and_files_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    text = 'retries = 2\nout = "x"\nset = ["a=1", "b=2"]\n[pytest]\nreport = "r"\njobs = 4\n'
    (tmp_path / "authprobe.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTHPROBE_FAIL_ON", "flaky;absent")
    monkeypatch.setenv("AUTHPROBE_PYTEST_HISTORY", "none")
    settings = settings_from_pytest("--set", "a=3")
    assert settings == Settings(
        retries=2,
        out=Path("r"),
        variables={"a": 3},
        jobs=4,
        fail_on=(Gate.ABSENT, Gate.FLAKY),
        history="none",
    )
    (tmp_path / "authprobe.toml").write_text("retries = 11\n")
    with pytest.raises(SettingsError, match=r"-retries is set by authprobe\.toml:1$"):
        settings_from_pytest()


def test_what_the_command_does_not_name_is_read_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Commands without these options have the same isolation and history as a run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTHPROBE_HISTORY", raising=False)
    monkeypatch.delenv("AUTHPROBE_ISOLATION", raising=False)
    (tmp_path / "authprobe.toml").write_text('history = "h.db"\n')
    assert Settings().history_location == "h.db"
    monkeypatch.setenv("AUTHPROBE_HISTORY", "none")
    assert Settings().history_location == "none"
    monkeypatch.setenv("AUTHPROBE_ISOLATION", "weak")
    with pytest.raises(SettingsError, match="AUTHPROBE_ISOLATION: weak: no such isolation"):
        Settings()
