"""`authprobe.run`: scenarios probed from a Python program."""

import contextlib
import dataclasses
import datetime
import numbers
import os
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from authprobe import arguments
from authprobe.api.values import RunResult, make_result
from authprobe.core.escaping import for_log
from authprobe.core.isolation import Isolation
from authprobe.core.safe_files import check_places, make_folder
from authprobe.core.temporary_folder import made_folder, unused_folder
from authprobe.documents.node_tree import Value
from authprobe.engine.progress import NullReporter
from authprobe.engine.runner import execute_plan, load_plan
from authprobe.errors import ProbesError, ScenarioError, SettingsError
from authprobe.options import (
    CASES,
    CLIENTS,
    MAX_COUNT,
    MAX_RETRIES,
    OUT,
    SET,
    SUITE,
    default_jobs,
    parse_isolation,
    renamed,
)
from authprobe.plan.selection import select_cases
from authprobe.plan.suites import DEFAULT_SUITE
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.report.files import REPORTS, RESULTS, report_texts
from authprobe.report.html.report import report_page
from authprobe.run.model import Run
from authprobe.run.partial_results import PARTIAL_FILE
from authprobe.run.size_limit import fit_run
from authprobe.settings import Settings, default_isolation, ignored_config_files, own_variables

TEXTS: Final = "texts"
"""Folder of the scenarios that are given as texts."""
ARGUMENTS: Final = {
    "-k": "select",
    CASES.name: "cases",
    CLIENTS.name: "clients",
    OUT.name: "out",
    SET.name: "variables",
    SUITE.name: "suite",
}
"""Arguments in place of the options that errors name."""


def run(
    scenarios: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    *,
    suite: str | None = None,
    select: str | None = None,
    clients: Iterable[str] = (),
    cases: Iterable[str] = (),
    variables: Mapping[str, str | int | float | bool | datetime.date | None] | None = None,
    baseline: str | os.PathLike[str] | None = None,
    known_failures: str | os.PathLike[str] | None = None,
    isolation: str | None = None,
    jobs: int | None = None,
    retries: int = 0,
    max_failures: int | None = None,
    out: str | os.PathLike[str] | None = None,
) -> RunResult:
    """Probe every case of the scenarios against the emulator, and return the results.

    A scenario is the path of a file or directory, the name of a bundled directory such as
    `incidents`, or, if it is a string with a line break, the text of a file. Without scenarios,
    suite and selection, the suite `standard` is probed. `select` is an expression as of
    `authprobe run -k`; the other options are those of the same name.

    Nothing is printed; a file of options that does not count, as it belongs to another user, and a
    variable `AUTHPROBE_...` that does not exist are warned of with `UserWarning`. Files are written
    only to `out`, if it is given: the reports of `authprobe run`. Clients are installed into the
    cache when first used. It may be called from any thread, several times, and blocks until the
    end: in a running event loop, use `asyncio.to_thread`.

    Raises:
        ScenarioError: errors in scenario files.
        SettingsError: an option is invalid, no case is selected, or nothing can be probed here.
        RecordError: the baseline cannot be read.
        ProbesError: a result would contain a credential, and is kept back.
    """
    for line in (*map(for_log, ignored_config_files()), *_unknown_variables()):
        warnings.warn(line, UserWarning, stacklevel=2)
    if isinstance(scenarios, str | os.PathLike):
        scenarios = [scenarios]
    given = arguments.sequence(scenarios, "scenarios")
    folder = arguments.optional(arguments.path, out, "out")
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(made_folder(unused_folder("authprobe-api-")))
        stack.enter_context(_naming_arguments(work))
        settings = Settings(
            scenarios=tuple(_paths(given, work)),
            suite=arguments.optional(arguments.text, suite, "suite"),
            variables=arguments.optional(_variables, variables, "variables") or {},
            clients=arguments.words(clients, "clients"),
            cases=arguments.words(cases, "cases"),
            baseline=arguments.optional(arguments.path, baseline, "baseline"),
            known_failures=arguments.optional(arguments.path, known_failures, "known_failures"),
            isolation=arguments.optional(_isolation, isolation, "isolation") or default_isolation(),
            retries=arguments.whole(retries, "retries", 0, MAX_RETRIES),
            jobs=arguments.optional(_jobs, jobs, "jobs") or default_jobs(),
            max_failures=arguments.optional(_failures, max_failures, "max_failures"),
            out=folder or work,
        )
        if not (suite or given or settings.leaves_out_cases or select):
            settings = dataclasses.replace(settings, suite=DEFAULT_SUITE)
        return _run(settings, arguments.optional(arguments.text, select, "select"), folder)


def _unknown_variables() -> Iterator[str]:
    if own_variables():
        # Imported here: they bring the options of all commands.
        from authprobe.cli import main
        from authprobe.cli.configured import unknown_variables

        yield from unknown_variables(main)


def _run(settings: Settings, select: str | None, out: Path | None) -> RunResult:
    plan = load_plan(settings)
    cases = select_cases(plan.cases, select)
    if not cases:
        raise SettingsError(f"select={select!r}: no case matches")
    if out is not None:
        _check_output(out)
    guard = ArtifactGuard()
    try:
        run = execute_plan(plan, NullReporter(), cases, guard.redactor, handles_signals=False)
    except ProbesError:
        raise
    except Exception as error:  # noqa: BLE001 - its text and its locals may hold a credential
        message = guard.redactor("".join(traceback.format_exception(error)))
        raise RuntimeError(message) from None
    if run.interrupted:
        raise KeyboardInterrupt
    run, results = fit_run(run)
    try:
        guard.check(RESULTS, results)
        if out is not None:
            _write_reports(run, results, out, guard)
    except SecretFoundError as error:
        raise ProbesError(str(error)) from None
    return make_result(run, results)


def _write_reports(run: Run, results: str, out: Path, guard: ArtifactGuard) -> None:
    """Write the results, and then every other report.

    Raises:
        SecretFoundError: a report would contain a credential, and was not written.
        SettingsError: a file cannot be written.
    """
    try:
        guard.publish(out, {RESULTS: results})
        guard.publish(out, report_texts(run, report_page))
        (out / PARTIAL_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror or error}") from None


def _check_output(out: Path) -> None:
    """Make the directory of the reports, before anything is probed.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        make_folder(out)
        check_places(out, (RESULTS, *REPORTS))
    except OSError as error:
        raise SettingsError(f"{out}: cannot be written: {error.strerror or error}") from None


def _paths(scenarios: Iterable[object], work: Path) -> Iterator[Path]:
    """Yield the paths of the scenarios; texts are written to files."""
    for number, scenario in enumerate(scenarios, start=1):
        if isinstance(scenario, str) and ("\n" in scenario or "\r" in scenario):
            path = work / TEXTS / f"scenario-{number}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(scenario.encode("utf-8", "surrogatepass"))
            yield path
        elif given := arguments.fspath(scenario):
            yield Path(given)
        else:
            raise arguments.invalid("scenarios", scenario, "a path or the text of a scenario")


@contextlib.contextmanager
def _naming_arguments(work: Path) -> Iterator[None]:
    """Name arguments in errors, where the command line has options.

    A text is `scenario-1.yaml`, without the folder, which no longer exists then.
    """
    folder = f"{work / TEXTS}{os.sep}"
    try:
        yield
    except ScenarioError as error:
        messages = (message.replace(folder, "") for message in error.messages)
        raise ScenarioError(tuple(renamed(each, ARGUMENTS) for each in messages)) from None
    except SettingsError as error:
        raise SettingsError(renamed(str(error).replace(folder, ""), ARGUMENTS)) from None


def _variables(values: object, argument: str) -> dict[str, Value]:
    if not isinstance(values, Mapping):
        raise arguments.invalid(argument, values, "a dict")
    for name in values:
        if not isinstance(name, str):
            raise arguments.invalid(f"{argument}: name", name, "a string")
    return {name: _variable(value, f"{argument}: {name}") for name, value in values.items()}


def _variable(value: object, name: str) -> Value:
    if isinstance(value, str | int | datetime.date | None):
        return value
    if isinstance(value, numbers.Integral):  # of a library
        return int(value)
    if isinstance(value, numbers.Real):
        return arguments.number(value, name)
    raise arguments.invalid(name, value, "a text, a number, a date or None")


def _jobs(value: object, name: str) -> int:
    return arguments.whole(value, name, 1)


def _failures(value: object, name: str) -> int:
    return arguments.whole(value, name, 1, MAX_COUNT)


def _isolation(value: object, name: str) -> Isolation:
    try:
        return parse_isolation(arguments.text(value, name))
    except ValueError as error:
        raise SettingsError(f"{name}={value!r:.80}: {error}") from None
