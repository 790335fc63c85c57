import argparse
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from authprobe import plugin
from authprobe.cli import main
from authprobe.cli.options import run_options
from authprobe.core.gates import Gate
from authprobe.errors import SettingsError
from authprobe.options import PYTEST_OPTIONS, REPORT, SCENARIOS, OptionTexts, default_jobs
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
    options = [option.attrs() for option in pytest_parser().getgroup("authprobe").options]
    return {
        option["option_strings"][0]: (option["metavar"], option["help"])
        for option in options
        if option["help"] != argparse.SUPPRESS
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
    """Return the settings of a run that pytest was given on its command line."""
    parsed = pytest_parser().parse(arguments)
    names = {option.name: option.name.lstrip("-").replace("-", "_") for option in RUN_OPTIONS}
    return parse_settings({name: getattr(parsed, dest) for name, dest in names.items()})


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
    del from_pytest[SCENARIOS.name]  # an argument of the command
    assert {name: from_command_line.get(name) for name in from_pytest} == from_pytest
    assert set(from_command_line) - set(from_pytest) == {
        *("-k", "--list", "--json", "--verbose"),
        "--last-failed",  # pytest has its own
    }


def test_pytest_and_the_command_line_have_the_same_defaults() -> None:
    assert settings_from_pytest() == settings_from_the_command_line() == Settings()


def test_pytest_and_the_command_line_read_the_same_settings() -> None:
    arguments = (
        *("--client", "raw-http", "--client", "claude-code@2.1.31", "--case", "a/b"),
        *("--jobs", "2", "--jobs", "3", "--out", "out", "--baseline", "old.json"),
        *("--known-failures", "known.yaml", "--history", "none", "--target", "emulator"),
        *("--break-rule", "A1", "--fail-on", "flaky,failed", "--fail-on", "absent"),
        *("--retries", "2", "--max-failures", "7", "--har", "requests"),
    )
    settings = Settings(
        scenarios=(Path("mine.yaml"),),
        clients=("raw-http", "claude-code@2.1.31"),
        cases=("a/b",),
        jobs=3,
        out=Path("out"),
        baseline=Path("old.json"),
        known_failures=Path("known.yaml"),
        history="none",
        break_rules=frozenset({"A1"}),
        fail_on=(Gate.FAILED, Gate.ABSENT, Gate.FLAKY),
        retries=2,
        max_failures=7,
        har=Path("requests"),
    )
    assert settings_from_pytest(*arguments, "--scenarios", "mine.yaml") == settings
    assert settings_from_the_command_line(*arguments, "mine.yaml") == settings


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("--jobs", "0", "--jobs 0: must be a whole number of at least 1"),
        ("--jobs", "-5", "--jobs -5: must be a whole number of at least 1"),
        ("--jobs", "many", "--jobs many: must be a whole number of at least 1"),
        ("--retries", "11", "--retries 11: must be a whole number from 0 to 10, such as 2"),
        ("--retries", "-1", "--retries -1: must be a whole number from 0 to 10, such as 2"),
        (
            "--max-failures",
            "0",
            "--max-failures 0: must be a whole number from 1 to 1,000,000, such as 1",
        ),
        (
            "--fail-on",
            "flakey",
            "--fail-on flakey: 'flakey' is not a reason to fail; did you mean 'flaky'?",
        ),
        ("--target", "live", "--target live: not available yet; leave the option out"),
        ("--target", "liev", "--target liev: no such target; use 'emulator'"),
        ("--target", "", "--target : no such target; use 'emulator'"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line_by_both(
    name: str, text: str, message: str
) -> None:
    for parse in (settings_from_pytest, settings_from_the_command_line):
        with pytest.raises(SettingsError) as caught:
            parse(f"{name}={text}")
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
