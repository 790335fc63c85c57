"""Probing of cases one by one in the order of a session's items, in one laboratory."""

import contextlib
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from authprobe.clients.base import Laboratory
from authprobe.engine import probe
from authprobe.engine.admission import AdmissionGate
from authprobe.engine.laboratory import install_clients, open_laboratory
from authprobe.engine.progress import NullReporter, Reporter
from authprobe.engine.record import make_record
from authprobe.engine.rounds import MayStart, Rounds
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.run.baseline import Baseline
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.model import CaseRecord
from authprobe.scenario.clients import Client
from authprobe.settings import Settings


@dataclass(slots=True, eq=False)
class Prober:
    """A laboratory that is opened at the first case, with what its cases are judged by."""

    settings: Settings
    baseline: Baseline
    known_failures: KnownFailureList
    redactor: Redactor
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _laboratory: Laboratory | None = None
    _executor: Executor | None = None
    _refusal: str | None = None
    _prepared: set[Client] = field(default_factory=set)
    _gate: AdmissionGate = field(init=False)
    _begun: dict[str, Future[Observation]] = field(default_factory=dict)
    """Probes of cases whose items have not run yet, by id."""

    def __post_init__(self) -> None:
        self._gate = AdmissionGate(self.settings.jobs)

    @property
    def laboratory(self) -> Laboratory:
        """The laboratory, opened on first access.

        Raises:
            SettingsError: it could not be opened.
        """
        if self._laboratory is None:
            self._laboratory = self._open()
        return self._laboratory

    @property
    def opened(self) -> Laboratory | None:
        """The laboratory if a case was probed; it may be closed since."""
        return self._laboratory

    def _open(self) -> Laboratory:
        if self._refusal:
            raise SettingsError(self._refusal)
        try:
            laboratory = open_laboratory(self._stack, self.settings, self.redactor)
        except SettingsError as error:
            self._refusal = str(error)
            raise
        # Closed in reverse order: the children first, so that the threads that wait for them end.
        self._executor = self._stack.enter_context(probe.make_thread_pool(self.settings.jobs))
        self._stack.enter_context(laboratory.children)
        return laboratory

    def close(self) -> None:
        """End the clients and the emulator, and remove the scratch folder."""
        self._stack.close()

    def prepare(self, case: Case, reporter: Reporter) -> None:
        """Find or install the clients of a case; a failure is in the observation of its probe.

        Raises:
            SettingsError: the laboratory could not be opened.
        """
        laboratory = self.laboratory
        if clients := self._missing(case):
            install_clients(clients, laboratory.cache, reporter)
            self._prepared.update(clients)

    def _missing(self, case: Case) -> Sequence[Client]:
        return [c for c in probe.required_clients([case]) if c not in self._prepared]

    def probe(self, case: Case, following: Iterable[Case]) -> CaseRecord:
        """Probe a case and return its record; begin the `following` cases if there is room.

        Each call probes again. A failed case is probed again at once if the settings say so.
        """
        self._begin(case)
        for other in following:
            if len(self._begun) >= self.settings.jobs:
                break
            if other.id not in self._begun and not self._missing(other):
                running = sum(not future.done() for future in self._begun.values())
                if not self._gate.enter(running):
                    break
                self._begin(other)
        records: list[CaseRecord] = []
        Rounds(
            probe=self._probe_cases,
            judge=lambda case, observation: make_record(
                case, observation, self.baseline, self.known_failures
            ),
            keep=records.append,
            reporter=NullReporter(),
            retries=self.settings.retries,
        ).run([case])
        return records[-1]

    def _probe_cases(
        self, cases: Sequence[Case], may_start: MayStart
    ) -> Generator[tuple[Case, Observation]]:
        for case in cases:
            self._begin(case)
            yield case, self._begun.pop(case.id).result()

    def _begin(self, case: Case) -> None:
        laboratory = self.laboratory
        if case.id not in self._begun and self._executor:
            self._begun[case.id] = self._executor.submit(probe.probe_case, laboratory, case)
