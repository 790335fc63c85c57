"""Publishing of the reports of a run, and its exit code: what sessions of pytest and
`authprobe run` share.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from authprobe.core.faults import fault_words
from authprobe.core.history_location import database_file
from authprobe.core.safe_files import check_database, check_places, make_folder
from authprobe.errors import ExitCode, SettingsError
from authprobe.options import HAR, OUT
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.report.files import HTML, REPORTS, RESULTS, TEXT_REPORTS
from authprobe.report.formats.har import har_files, har_name
from authprobe.run.gates import GateResult, gate_result
from authprobe.run.history.worker import HistoryWorker
from authprobe.run.model import Run
from authprobe.run.partial_results import PARTIAL_FILE
from authprobe.run.size_limit import fitting_text
from authprobe.settings import Settings


def check_output(settings: Settings, out: Path | None, case_ids: Iterable[str]) -> None:
    """Check that the reports and the history can be written, before anything is probed.

    Raises:
        SettingsError: something else has the place of one.
    """
    for folder, option, names in _places(settings, out, case_ids):
        try:
            make_folder(folder)
            check_places(folder, names)
        except OSError as error:
            reason = error.strerror or str(error)
            # Some reasons have a remedy already: one is enough.
            remedy = "" if ";" in reason else f"; choose another {option}"
            raise SettingsError(f"{folder}: cannot be written: {reason}{remedy}") from None
    if out is None:
        return
    try:
        if history := database_file(settings.history_location):
            check_database(history)
    except OSError as error:
        raise SettingsError(f"history {history}: {error.strerror}") from None


def _places(
    settings: Settings, out: Path | None, case_ids: Iterable[str]
) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Yield each directory that is written to, its option, and the names of the files."""
    if out:
        yield out, OUT.name, (RESULTS, *REPORTS)
    if settings.har:
        yield settings.har, HAR.name, tuple(map(har_name, case_ids))


@dataclass(slots=True, eq=False)
class RunReports:
    """The files of a run, and what came of writing them."""

    settings: Settings
    out: Path | None
    """Directory of the reports; None: there are none."""
    guard: ArtifactGuard
    past: HistoryWorker
    problem: str | None = None
    """Why reports were not written; None: they were."""
    exit_code: ExitCode | None = None
    """Exit code of a problem, which replaces that of the cases."""
    exit_reason: str | None = None
    """Reason for the exit code, if the cases decide it."""

    def publish_results(self, text: str) -> bool:
        """Write `results.json` before anything is shown; return False if it holds a credential."""
        if self.out:
            with self.recording_problems():
                self.guard.publish(self.out, {RESULTS: text})
        return self.exit_code is not ExitCode.SECRET_FOUND

    def publish(self, run: Run, page: Callable[[], str | None]) -> bool:
        """Write the other reports and the history; return False if they cannot be written.

        `page` returns the HTML, None without one.
        """
        with self.recording_problems():
            if self.out:
                self.guard.publish(self.out, self._texts(run, page))
                self.past.append(run)
            if har := self.settings.har:
                files: Mapping[str, str] = {}
                with self.keeping_the_others(str(har)):
                    files = har_files(run)
                make_folder(har)
                self.guard.publish(har, files)
            return True
        return False

    def _texts(self, run: Run, page: Callable[[], str | None]) -> Mapping[str, str]:
        texts = {}
        for name, make in TEXT_REPORTS.items():
            with self.keeping_the_others(name):
                texts[name] = fitting_text(run, make)
        with self.keeping_the_others(HTML):
            if (text := page()) is not None:
                texts[HTML] = text
        return texts

    @contextlib.contextmanager
    def recording_problems(self) -> Iterator[None]:
        """Record why reports are not written, and the exit code."""
        try:
            yield
        except SecretFoundError as error:
            self.problem = str(error)
            self.exit_code = ExitCode.SECRET_FOUND
        except OSError as error:
            self.problem = f"the reports could not be written: {error.strerror or error}"
            self.exit_code = ExitCode.USAGE
        except Exception as error:  # noqa: BLE001 - pytest would print it unredacted
            has_partial = self.out and (self.out / PARTIAL_FILE).exists()
            cases = f"the cases are in {PARTIAL_FILE}; " if has_partial else ""
            self.problem = (
                f"the reports could not be looked through for credentials: {fault_words(error)}; "
                f"{cases}please report it"
            )
            self.exit_code = ExitCode.BUG

    @contextlib.contextmanager
    def keeping_the_others(self, name: str) -> Iterator[None]:
        """Record that one report could not be made, so that the others are written."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a fault of ours, provoked by what was observed
            self.problem = (
                f"{name} could not be made: {fault_words(error)}; {RESULTS} has the whole run; "
                "please report it"
            )
            self.exit_code = ExitCode.BUG

    def set_exit_status(self, session: pytest.Session, run: Run, failed_cases: int) -> None:
        """Set the exit code of the session: that of a problem, or of the cases.

        That of the cases is left out if ordinary tests failed, or if nothing was run.
        """
        if self.exit_code is None:
            self._apply_gates(session, gate_result(run), failed_cases)
        if self.exit_code is not None:
            session.exitstatus = self.exit_code

    def _apply_gates(self, session: pytest.Session, result: GateResult, failed_cases: int) -> None:
        is_interrupted = result.exit_code is ExitCode.INTERRUPTED
        if session.exitstatus not in (ExitCode.OK, ExitCode.FAILURES) and not is_interrupted:
            return
        if session.testsfailed > failed_cases and not is_interrupted:
            return
        session.exitstatus = result.exit_code
        self.exit_reason = result.reason
