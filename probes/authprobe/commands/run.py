"""`authprobe run`: the compatibility run, by pytest, with our own words on the terminal."""

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from authprobe import plugin
from authprobe.core.escaping import for_log
from authprobe.engine.runner import load_plan
from authprobe.errors import ExitCode
from authprobe.plan.selection import select_cases
from authprobe.redaction.redactor import Redactor
from authprobe.report.files import HTML
from authprobe.report.formats.github import annotations
from authprobe.report.html.pytest_html import PLUGINS
from authprobe.report.terminal import print_run
from authprobe.run.model import Run
from authprobe.run.results_file import dump_run
from authprobe.settings import Settings, is_github_actions


def run(settings: Settings, expression: str | None, *, only_list: bool, as_json: bool) -> int:
    """Probe, judge, report; the exit code.

    Raises:
        ScenarioError, SettingsError: nothing was run.
    """
    plan = load_plan(settings)
    chosen = select_cases(plan.cases, expression)
    if expression and not chosen:
        print(f"no case fits -k {expression!r}; `authprobe run --list` shows them", file=sys.stderr)
        return ExitCode.NOTHING_SELECTED
    if only_list:
        for case in chosen:
            print(Redactor()(case.id))
        return ExitCode.OK
    given = plugin.PreparedRun(plan, chosen)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = int(pytest.main(pytest_arguments(), plugins=[plugin, given]))
    if given.run is None:
        return _nothing_ran(code, printed.getvalue())
    if code != ExitCode.SECRET_FOUND:  # what may not be written may not be printed
        if as_json:
            sys.stdout.write(dump_run(given.run))
        else:
            _print(given.run, settings.out)
            if is_github_actions():
                for line in annotations(given.run):
                    print(line)
    if given.history_problem:
        print(for_log(given.history_problem), file=sys.stderr)
    if given.problem:
        print(for_log(given.problem), file=sys.stderr)
    return code


def pytest_arguments() -> list[str]:
    """pytest alone: neither the user's pytest settings and plugins, nor a cache in their folder."""
    return [
        str(plugin.TEST_FILE),
        f"--rootdir={Path.cwd()}",
        f"-c{os.devnull}",
        "--noconftest",
        "--import-mode=importlib",
        "--capture=no",
        "--disable-plugin-autoload",
        "-pno:cacheprovider",
        # These look after tests that do something; ours hand out verdicts.
        "-pno:logging",
        "-pno:threadexception",
        "-pno:unraisableexception",
        "-pno:warnings",
        *(f"-p{name}" for name in PLUGINS),
    ]


def _nothing_ran(code: int, printed: str) -> int:
    """Say why, unless pytest has said so on stderr; the exit code."""
    if code not in (ExitCode.USAGE, ExitCode.INTERRUPTED):
        print(for_log(Redactor()(printed)), file=sys.stderr)
    return code


def _print(run: Run, out: Path) -> None:
    print_run(run, Console())
    print(f"report: {out / HTML}", file=sys.stderr)
