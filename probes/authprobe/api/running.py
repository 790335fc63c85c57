"""`authprobe.run`: scenarios probed from a Python program."""

import contextlib
import dataclasses
import datetime
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from authprobe.api.arguments import optional_path, text
from authprobe.api.values import RunResult, make_result
from authprobe.core.isolation import Isolation
from authprobe.core.safe_files import check_places, make_folder
from authprobe.core.temporary_folder import made_folder, unused_folder
from authprobe.documents.node_tree import Value
from authprobe.engine.progress import NullReporter
from authprobe.engine.runner import execute_plan, load_plan
from authprobe.errors import ProbesError, ScenarioError, SettingsError
from authprobe.options import default_jobs, parse_isolation
from authprobe.plan.selection import select_cases
from authprobe.plan.suites import DEFAULT_SUITE
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.report.files import HTML, REPORTS, RESULTS, TEXT_REPORTS
from authprobe.report.html.report import report_page
from authprobe.run.model import Run
from authprobe.run.partial_results import PARTIAL_FILE
from authprobe.run.size_limit import fit_run, fitting_text
from authprobe.settings import Settings, default_isolation

TEXTS: Final = "texts"
"""Folder of the scenarios that are given as texts."""


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

    Nothing is printed. Files are written only to `out`, if it is given: the reports of
    `authprobe run`. Clients are installed into the cache when first used. It may be called from any
    thread, several times, and blocks until the end: in a running event loop, use
    `asyncio.to_thread`.

    Raises:
        ScenarioError: errors in scenario files.
        SettingsError: an option is invalid, no case is selected, or nothing can be probed here.
        RecordError: the baseline cannot be read.
        ProbesError: a result would contain a credential, and is kept back.
    """
    given = [scenarios] if isinstance(scenarios, str | os.PathLike) else _list(scenarios)
    folder = optional_path(out, "out")
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(made_folder(unused_folder("authprobe-api-")))
        stack.enter_context(_naming_texts(work))
        settings = Settings(
            scenarios=tuple(_paths(given, work)),
            suite=_optional_text(suite, "suite"),
            variables=_variables(variables or {}),
            clients=_words(clients, "clients"),
            cases=_words(cases, "cases"),
            baseline=optional_path(baseline, "baseline"),
            known_failures=optional_path(known_failures, "known_failures"),
            isolation=_isolation(isolation),
            retries=_number(retries, "retries", 0),
            jobs=_optional_number(jobs, "jobs", 1) or default_jobs(),
            max_failures=_optional_number(max_failures, "max_failures", 1),
            out=folder or work,
        )
        if not (suite or given or settings.leaves_out_cases or select):
            settings = dataclasses.replace(settings, suite=DEFAULT_SUITE)
        return _run(settings, _optional_text(select, "select"), folder)


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
        makers: dict[str, Callable[[Run], str]] = {**TEXT_REPORTS, HTML: report_page}
        guard.publish(out, {name: fitting_text(run, make) for name, make in makers.items()})
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
        elif isinstance(scenario, str | os.PathLike) and os.fspath(scenario):
            yield Path(scenario)
        else:
            raise SettingsError(
                f"scenarios: {scenario!r} is neither a path nor the text of a scenario"
            )


@contextlib.contextmanager
def _naming_texts(work: Path) -> Iterator[None]:
    """Name a text `scenario-1.yaml` in errors, without the folder, which no longer exists then."""
    folder = f"{work / TEXTS}{os.sep}"
    try:
        yield
    except ScenarioError as error:
        messages = tuple(message.replace(folder, "") for message in error.messages)
        raise ScenarioError(messages) from None


def _list(scenarios: object) -> list[object]:
    if not isinstance(scenarios, Iterable):
        raise SettingsError(f"scenarios={scenarios!r:.80}: must be a list, a path or a text")
    return list(scenarios)


def _words(values: object, name: str) -> tuple[str, ...]:
    """Return the values of an option.

    Raises:
        SettingsError: it is one string, whose letters would be taken for the values, or no list of
            strings.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise SettingsError(f"{name}={values!r:.80}: must be a list; put brackets around it")
    return tuple(text(value, name) for value in values)


def _variables(values: object) -> dict[str, Value]:
    if not isinstance(values, Mapping):
        raise SettingsError(f"variables={values!r:.80}: must be a dict")
    for name, value in values.items():
        if not isinstance(name, str):
            raise SettingsError(f"variables: {name!r} is no name; it must be a string")
        if not isinstance(value, str | int | float | datetime.date | None):
            raise SettingsError(
                f"variables: {name}={value!r:.80}: must be a text, a number, a date or None"
            )
    return dict(values)


def _number(value: object, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(f"{name}={value!r}: must be a whole number of at least {least}")
    return value


def _optional_text(value: object, name: str) -> str | None:
    return None if value is None else text(value, name)


def _optional_number(value: int | None, name: str, least: int) -> int | None:
    return None if value is None else _number(value, name, least)


def _isolation(value: str | None) -> Isolation:
    if value is None:
        return default_isolation()
    try:
        return parse_isolation(value)
    except ValueError as error:
        raise SettingsError(f"isolation={value!r}: {error}") from None
