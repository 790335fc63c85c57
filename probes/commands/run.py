"""`authprobe run`: the compatibility run, by pytest, with our own words on the terminal."""

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from probes import plugin
from probes.conduct import plan_of
from probes.errors import ExitCode, SettingsError
from probes.report.table import proves_nothing
from probes.report.terminal import print_run
from probes.run import Run, dump_run
from probes.settings import Settings, default_jobs


def run(
    *,
    scenarios: tuple[Path, ...],
    expression: str | None,
    clients: tuple[str, ...],
    cases: tuple[str, ...],
    only_list: bool,
    target: str,
    jobs: int | None,
    out: Path,
    baseline: Path | None,
    as_json: bool,
    break_rules: tuple[str, ...],
) -> int:
    """Probe, judge, report; the exit code.

    Raises:
        ScenarioError, SettingsError: nothing was run.
    """
    settings = Settings(
        scenarios=scenarios,
        clients=clients,
        cases=cases,
        target=target,
        jobs=default_jobs() if jobs is None else jobs,
        out=out,
        baseline=baseline,
        break_rules=frozenset(break_rules),
    )
    plan = plan_of(settings)
    if only_list:
        for case in plan:
            print(case.id)
        return ExitCode.OK
    watcher = Watcher()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = pytest.main(pytest_arguments(settings, expression), plugins=[watcher])
    if watcher.run is None:
        return _nothing_ran(int(code), printed.getvalue(), expression)
    if as_json:
        sys.stdout.write(dump_run(watcher.run))
    else:
        _print(watcher.run, settings.out)
    if watcher.problem:
        print(watcher.problem, file=sys.stderr)
    return int(code)


class Watcher:
    """A pytest plugin that keeps the run."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.problem: str | None = None

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Take the run out of the session that made it."""
        compatibility = plugin.compatibility_run(config)
        if compatibility is not None:
            self.run, self.problem = compatibility.run, compatibility.problem


def pytest_arguments(settings: Settings, expression: str | None) -> list[str]:
    """pytest alone: neither the user's pytest settings and plugins, nor a cache in their folder."""
    arguments = [
        str(plugin.TEST_FILE),
        f"--rootdir={Path.cwd()}",
        f"-c{os.devnull}",
        "--noconftest",
        "--import-mode=importlib",
        "--capture=no",
        "--disable-plugin-autoload",
        "-pno:cacheprovider",
        "-pmetadata",
        "-phtml",
        "-pprobes.plugin",
        f"--target={settings.target}",
        f"--jobs={settings.jobs}",
        f"--out={settings.out}",
    ]
    arguments += [f"--scenarios={path}" for path in settings.scenarios]
    arguments += [f"--client={name}" for name in settings.clients]
    arguments += [f"--case={name}" for name in settings.cases]
    arguments += [f"--break-rule={name}" for name in settings.break_rules]
    if settings.baseline:
        arguments.append(f"--baseline={settings.baseline}")
    if expression:
        arguments += ["-k", expression]
    return arguments


def _nothing_ran(code: int, printed: str, expression: str | None) -> int:
    """Say why, unless pytest has said so on stderr; the exit code."""
    if code == ExitCode.NOTHING_SELECTED:
        print(f"no case fits -k {expression!r}; `authprobe run --list` shows them", file=sys.stderr)
    elif code == ExitCode.USAGE and "-k" in printed and expression:
        raise SettingsError(f"-k {expression!r} is not an expression that pytest understands")
    elif code != ExitCode.INTERRUPTED:
        print(printed, file=sys.stderr)
    return code


def _print(run: Run, out: Path) -> None:
    print_run(run, Console())
    if vacuous := proves_nothing(run):
        print(f"warning: {vacuous}", file=sys.stderr)
    if run.interrupted:
        print("interrupted: the cases above were finished", file=sys.stderr)
    print(f"report: {out / plugin.HTML}", file=sys.stderr)
