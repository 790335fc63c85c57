"""The report of one command that ran beside the emulator: a run with a single case."""

import contextlib
import dataclasses
import datetime
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.process.children import Children
from authprobe.commands.command_observation import (
    EndedCommand,
    lacks_credential,
    observe_command,
)
from authprobe.commands.issued_credentials import IssuedCredential
from authprobe.commands.output import publish
from authprobe.commands.printing import print_error
from authprobe.commands.sealed_command import NOT_ISSUED
from authprobe.core.escaping import for_log, one_line
from authprobe.core.gates import Gate
from authprobe.core.isolation import Isolation
from authprobe.core.safe_files import check_places, make_folder
from authprobe.core.shown_paths import display_path
from authprobe.emulator.config import AccountState, Backend
from authprobe.emulator.standalone.emulator import Emulator, parts_of
from authprobe.engine.faults import failed_observation
from authprobe.engine.record import complete_record
from authprobe.errors import ExitCode, SettingsError
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import COMMAND_FLOW
from authprobe.redaction.redactor import Redactor
from authprobe.report.files import HTML, REPORTS, RESULTS, report_texts
from authprobe.report.model import phrases
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.run.baseline import EMPTY_BASELINE, Baseline
from authprobe.run.gates import gate_result
from authprobe.run.model import CaseRecord, Run, Selection, make_run
from authprobe.run.size_limit import fit_run
from authprobe.scenario.model import DEFAULT, NO_CREDENTIAL, Expectation
from authprobe.verdict.judge import judge_observation
from authprobe.verdict.model import Status

SCENARIO: Final = "emulator"
"""First part of the id, where a case has its scenario."""
MAX_NAME_LENGTH: Final = 60
MAX_TITLE_LENGTH: Final = 200
MAX_ARGUMENTS: Final = 500
WHY: Final = "A command that was run beside the emulator, which no scenario describes."
BASE_URL: Final = "base-url"
PROXY: Final = "proxy"
PUBLIC_FOLDERS: Final = ("/bin/", "/usr/bin/", "/usr/local/bin/")
_OTHER: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSetup:
    """A command, what the emulator was told about it, and where its report is written."""

    argv: tuple[str, ...]
    out: Path
    backend: Backend
    issued: tuple[IssuedCredential, ...]
    sets_base_url: bool
    is_isolated: bool
    options: tuple[str, ...]
    """Options of `authprobe emulator` that decide what the command meets."""
    expected: Outcome | None = None
    baseline: Baseline = EMPTY_BASELINE
    quiet: bool = False


class CommandReport:
    """The report of a command, which is made of what the command leaves."""

    def __init__(self, setup: CommandSetup, emulator: Emulator, children: Children) -> None:
        self._setup = setup
        self._emulator = emulator
        self._children = children
        self._started_at = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self._ended = EndedCommand(exit_code=0)
        self._observation: Observation | None = None

    def take(self, ended: EndedCommand) -> None:
        """Take the command at its end, while its private home exists."""
        self._ended = ended
        backend = parts_of(self._emulator).control.backend
        try:
            self._observation = parts_of(self._emulator).do(lambda: observe_command(ended, backend))
        except Exception as error:  # noqa: BLE001 - a fault of ours, provoked by this command
            self._observation = failed_observation(error, elapsed=ended.elapsed)

    def write(self) -> ExitCode | None:
        """Write the reports, and print the verdict; return the exit code, None: the command's.

        Raises:
            SettingsError: the reports cannot be written.
        """
        # Imported here: jinja2 takes longer to import than the emulator takes to start.
        from authprobe.report.html.report import report_page

        setup, redactor = self._setup, parts_of(self._emulator).control.backend.redactor
        run, results = fit_run(self._run(redactor))
        make_page = functools.partial(report_page, bisections=read_bisections(setup.out))
        texts = {RESULTS: results, **report_texts(run, make_page)}
        if (code := publish(setup.out, texts, redactor)) is not ExitCode.OK:
            return code
        result = gate_result(run)
        if not setup.quiet:
            _print_verdict(run.cases[0])
            print_error(f"authprobe: report: {setup.out / HTML}")
        return None if setup.expected is None else result.exit_code

    def _run(self, redactor: Redactor) -> Run:
        setup, children = self._setup, self._children
        isolation = Isolation.SEALED if setup.is_isolated else Isolation.NONE
        return make_run(
            [self._record(redactor)],
            started_at=self._started_at,
            elapsed=self._ended.elapsed,
            interrupted=self._ended.is_interrupted,
            partial=True,  # one command of many: it says nothing about the others of a baseline
            client_isolation=children.known_isolation,
            isolation_refusal=children.known_refusal,
            fail_on=() if setup.expected is None else (Gate.FAILED,),
            selection=Selection(
                isolation=isolation,
                emulator=tuple(map(redactor, (*setup.options, "--", *_plain(setup.argv)))),
            ),
        )

    def _record(self, redactor: Redactor) -> CaseRecord:
        setup = self._setup
        observation = self._observation or Observation(outcome=Outcome.UNAVAILABLE)
        client = command_name(setup.argv, redactor)
        endpoint = BASE_URL if setup.sets_base_url else PROXY
        credential = "+".join(each.name for each in setup.issued) or NO_CREDENTIAL
        backend = backend_name(setup.backend)
        parts = (SCENARIO, client, endpoint, credential, *({backend} - {DEFAULT}))
        case_id = "/".join(parts)
        expected = None if setup.expected is None else Expectation(outcome=setup.expected)
        previous = setup.baseline.previous(case_id, version=observation.client_version)
        faults = [f if isinstance(f, str) else f.name for f in setup.backend.faults]
        title = redactor.cut(for_log(" ".join(_plain(setup.argv))), MAX_TITLE_LENGTH)
        record = complete_record(
            CaseRecord(
                id=case_id,
                scenario=SCENARIO,
                title=title,
                client=client,
                client_version=observation.client_version,
                endpoint=endpoint,
                credential=credential,
                headers=DEFAULT,
                backend=backend,
                fault=", ".join(dict.fromkeys(faults)) or None,
                flow=COMMAND_FLOW,
                why=WHY,
                sources=(),
                credentials=tuple(each.credential for each in setup.issued),
                expectation=expected,
                observation=observation,
                verdict=judge_observation(expected, observation, previous),
            )
        )
        return record if setup.issued else _without_wrong_remedy(record)


def _without_wrong_remedy(record: CaseRecord) -> CaseRecord:
    """Return the record of a command that was issued no credential: another one would not help."""
    if record.diagnosis is None or not lacks_credential(record.observation.exchanges):
        return record
    diagnosis = dataclasses.replace(record.diagnosis, remedy=NOT_ISSUED, commands=())
    return dataclasses.replace(record, diagnosis=diagnosis)


def command_name(argv: Sequence[str], redactor: Redactor) -> str:
    """Return the name of a command in the id of its case: its words, without folders."""
    words = (_OTHER.sub("-", redactor(Path(word).name or word)).strip("-.") for word in argv)
    name = "-".join(filter(None, words)).lower()
    return name[:MAX_NAME_LENGTH].rstrip("-.") or "command"


def backend_name(backend: Backend) -> str:
    """Return what is unusual about the backend, as a part of the id."""
    faults = [fault if isinstance(fault, str) else fault.name for fault in backend.faults]
    parts = (
        backend.standing.value if backend.standing is not AccountState.ACTIVE else None,
        "claude-code" if backend.counts_as_claude_code else None,
        *faults,
        backend.date.isoformat() if backend.date else None,
    )
    return "+".join(part for part in parts if part) or DEFAULT


def _plain(argv: Sequence[str]) -> list[str]:
    """Return the words of a command, without the folders of this machine."""
    words = argv[:MAX_ARGUMENTS]
    return [display_path(Path(word)) if _is_local(word) else word for word in words]


def _is_local(word: str) -> bool:
    """Return True for a path that may name the user: one that no other machine has."""
    return word.startswith("/") and not word.startswith(PUBLIC_FOLDERS)


def check_report_folder(out: Path) -> None:
    """Make the directory of the reports, and check that they can be written to it.

    Raises:
        SettingsError: they cannot.
    """
    try:
        make_folder(out)
        check_places(out, (RESULTS, *REPORTS))
        _check_access(out)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "" if ";" in reason else "; name another directory"
        raise SettingsError(f"--report {out}: cannot be written: {reason}{remedy}") from None


def _check_access(out: Path) -> None:
    """Raise OSError if no file can be made in a directory."""
    probe = out / ".authprobe"
    with contextlib.suppress(FileExistsError):
        probe.touch(exist_ok=False)
        probe.unlink()


def _print_verdict(record: CaseRecord) -> None:
    """Print the outcome of a command, and what explains it."""
    status, detail = record.verdict.status, record.observation.detail
    words = one_line(phrases.describe_outcome(record.observation))
    print_error(f"authprobe: {phrases.status_words(record.verdict)}: {words}")
    lines = [one_line(detail)] if detail and detail not in words else []
    if status is Status.FAILED:
        lines += map(phrases.describe_mismatch, record.verdict.mismatches)
    lines += phrases.describe_changes(record)
    if status not in (Status.PASSED, Status.ERROR):
        lines += phrases.describe_why(record)
    lines += [f"finding {finding.name}: {finding.text}" for finding in record.findings]
    for line in lines:
        print_error(f"authprobe: {line}")
