"""Bisection runner: probes the versions that the search requests, and installs ahead."""

import functools
import math
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from authprobe.bisection.model import (
    Bisection,
    BisectionAnswer,
    Classification,
    ProbeRequest,
    Purpose,
    Search,
)
from authprobe.bisection.question import BisectionQuestion
from authprobe.bisection.search import next_step, stop, upcoming_versions
from authprobe.clients.base import Laboratory
from authprobe.core.escaping import truncate
from authprobe.engine import probe as engine
from authprobe.engine.progress import Reporter
from authprobe.observation.model import Observation, Outcome
from authprobe.observation.selectors import FieldValue
from authprobe.plan.case import Case
from authprobe.scenario.clients import Client
from authprobe.settings import Settings
from authprobe.trials.log import ProbeLog, Trial, cache_key
from authprobe.trials.workplace import ProbeSession, local_failure_reason, record_trial

NOT_IN_LOG: Final = "not in the log"
MAX_REASON_LENGTH: Final = 64
"""Characters of the evidence in a progress message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecord:
    """Observation of a version, with the purpose of the probe."""

    version: str
    observation: Observation
    purpose: Purpose


Probe = Callable[[ProbeRequest, Search], ProbeRecord]
"""Probes the requested version; the search tells which versions may be requested next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionReport:
    """A bisection with its question and all observations."""

    question: BisectionQuestion
    versions: tuple[str, ...]
    fix: bool
    bisection: Bisection
    records: tuple[ProbeRecord, ...]

    def observations_of(self, version: str | None) -> tuple[Observation, ...]:
        """Return the observations of `version` that support its final classification."""
        classifications = {x.version: x.classification for x in self.bisection.assessments}
        reference = _reference_value(self.question, self.records)
        return tuple(
            record.observation
            for record in self.records
            if record.version == version
            and self.question.classify(version, record.observation, reference)[0]
            is classifications[version]
        )


def records_from_log(
    question: BisectionQuestion, versions: Sequence[str], trials: Iterable[Trial], *, tested: bool
) -> tuple[ProbeRecord, ...]:
    """Return the logged observations of these versions, in the order of the log.

    With `tested`, leave out untestable versions, and bounds that hung or crashed: they are probed
    again, as there is no result without the bounds.
    """
    version_by_key = {cache_key(question.at(version)): version for version in versions}
    records = (
        ProbeRecord(
            version=version_by_key[trial.key],
            observation=trial.observation,
            purpose=Purpose.LOGGED,
        )
        for trial in trials
        if trial.key in version_by_key
    )
    return tuple(record for record in records if not tested or _is_useful(question, record))


def _is_useful(question: BisectionQuestion, record: ProbeRecord) -> bool:
    if record.version not in (question.good, question.bad):
        return not record.observation.untestable
    classification, _ = question.classify(record.version, record.observation, None)
    return classification is not Classification.UNTESTABLE


class _Classifier:
    """Classifies records as answers, with a cache, as each step classifies all of them again."""

    def __init__(self, question: BisectionQuestion) -> None:
        self._question = question
        self._cache: dict[tuple[int, FieldValue | None], tuple[Classification, str | None]] = {}

    def search(
        self, versions: tuple[str, ...], records: Sequence[ProbeRecord], *, fix: bool
    ) -> Search:
        """Return the search with an answer for each record that can be classified yet.

        The records must stay alive: the cache is keyed by `id()`.
        """
        reference = _reference_value(self._question, records)
        answers = []
        for record in records:
            if self._question.when and reference is None and record.version != self._question.good:
                continue  # the good version's value, to compare with, is not known yet
            classification, reason = self._classify(record, reference)
            answers.append(
                BisectionAnswer(
                    version=record.version,
                    classification=classification,
                    reason=reason,
                    purpose=record.purpose,
                )
            )
        oldest = Classification.BAD if fix else Classification.GOOD
        return Search(versions=versions, oldest=oldest, answers=tuple(answers))

    def _classify(
        self, record: ProbeRecord, reference: FieldValue | None
    ) -> tuple[Classification, str | None]:
        key = id(record), reference
        if key not in self._cache:
            self._cache[key] = self._question.classify(
                record.version, record.observation, reference
            )
        return self._cache[key]


def _reference_value(
    question: BisectionQuestion, records: Sequence[ProbeRecord]
) -> FieldValue | None:
    """Return the field's value in the first testable observation of the good version."""
    for record in records:
        if record.version == question.good:
            classification, _ = question.classify(record.version, record.observation, None)
            if classification is not Classification.UNTESTABLE:
                return question.value(record.observation)
    return None


def run_bisection(
    question: BisectionQuestion,
    versions: tuple[str, ...],
    logged: Sequence[ProbeRecord],
    probe: Probe,
    reporter: Reporter,
    *,
    fix: bool,
) -> BisectionReport:
    """Probe versions until there is a result, or until nothing can be installed here."""
    records, classifier = list(logged), _Classifier(question)
    while True:
        search = classifier.search(versions, records, fix=fix)
        step = next_step(search)
        if isinstance(step, Bisection):
            bisection = step
            break
        reporter.begin_stage(stage_title(step, search, len(records) - len(logged)), 1)
        record = probe(step, search)
        if reason := local_failure_reason(record.observation):
            bisection = stop(search, reason)
            break
        records.append(record)
        answer = classifier.search(versions, records, fix=fix).answers[-1]
        evidence = f" ({truncate(answer.reason, MAX_REASON_LENGTH)})" if answer.reason else ""
        reporter.notify(f"{step.version}: {answer.classification}{evidence}")
    return BisectionReport(
        question=question,
        versions=versions,
        fix=fix,
        bisection=bisection,
        records=tuple(records),
    )


def stage_title(request: ProbeRequest, search: Search, probed: int) -> str:
    """Return the title of the progress stage for a request, after this number of probes."""
    low, high = request.remaining
    match request.purpose:
        case Purpose.SAMPLE:
            return f"a sample outside {low} to {high}"
        case Purpose.CONFIRM:
            return f"a second look at {request.version}"
        case Purpose.SETTLE:
            return f"{request.version} again, as answers differ"
        case _:
            noun = "candidate" if request.candidates == 1 else "candidates"
            total = probed + max_remaining_probes(request, search)
            return (
                f"probe {probed + 1} of about {total}: {request.candidates} {noun} after {low}, "
                f"up to {high}"
            )


def max_remaining_probes(request: ProbeRequest, search: Search) -> int:
    """Return the number of probes that find the interval if all versions are testable."""
    probed = {answer.version for answer in search.answers}
    bounds = sum(version not in probed for version in request.remaining)
    return max(math.ceil(math.log2(max(request.candidates, 1))) + bounds, 1)


def replay(request: ProbeRequest, search: Search) -> ProbeRecord:
    """Return an untestable record instead of probing, for a replay of the log."""
    missing = Observation(outcome=Outcome.UNAVAILABLE, detail=NOT_IN_LOG)
    return ProbeRecord(version=request.version, observation=missing, purpose=Purpose.REPLAY_ONLY)


class BisectionProber(ProbeSession):
    """Probes one version at a time, while the versions that may be next are installed."""

    def __init__(
        self, question: BisectionQuestion, settings: Settings, log: ProbeLog, reporter: Reporter
    ) -> None:
        super().__init__(settings, log.redactor, jobs=1)
        self._question = question
        self._log = log
        self._reporter = reporter
        self._installations: dict[Client, Future[None]] = {}

    def __call__(self, request: ProbeRequest, search: Search) -> ProbeRecord:
        """Probe the requested version, and start to install both that may be requested next.

        Raises:
            SettingsError: no scheduler or no usable worker answers.
        """
        case = self._question.at(request.version)
        remote = self.remote(self._reporter, lambda cases, _: self._probe_here(cases))
        if remote is None:
            observation = self._probe_prepared(case, upcoming_versions(search, request))
        else:
            self._reporter.begin_step(str(case.client), "probing on a worker")
            ((_, observation),) = remote.probe([case])
        self._reporter.finish_step(str(case.client))
        record_trial(self._log, case, observation, self._reporter)
        return ProbeRecord(
            version=request.version, observation=observation, purpose=request.purpose
        )

    def _probe_here(self, cases: Sequence[Case]) -> Generator[tuple[Case, Observation]]:
        """Yield each case with its observation, probed by this machine."""
        for case in cases:
            yield case, self._probe_prepared(case, ())

    def _probe_prepared(self, case: Case, upcoming: Iterable[str]) -> Observation:
        """Return the observation of a case, while the clients are installed that may be next."""
        laboratory = self.laboratory
        cases = [case, *map(self._question.at, upcoming)]
        self._cancel_pending()
        self._release_unneeded(laboratory, engine.required_clients(cases))
        for needed in cases:
            self._install(laboratory, needed)
        self._reporter.begin_step(str(case.client), "")
        for client in engine.required_clients([case]):
            self._installations[client].result()
        self._reporter.begin_step(str(case.client), "probing")
        return self._probing.submit(engine.probe_case, laboratory, case).result()

    def _release_unneeded(self, laboratory: Laboratory, needed: Sequence[Client]) -> None:
        """Release installed clients that are not needed now, so that they may be evicted."""
        for client, installation in tuple(self._installations.items()):
            if client not in needed and installation.done():
                laboratory.cache.release(client)
                del self._installations[client]

    def _cancel_pending(self) -> None:
        """Cancel the installations that have not started; the needed ones are submitted again."""
        self._installations = {
            client: installation
            for client, installation in self._installations.items()
            if not installation.cancel()
        }

    def _install(self, laboratory: Laboratory, case: Case) -> None:
        clients = [c for c in engine.required_clients([case]) if c not in self._installations]
        laboratory.cache.pin(clients)
        for client in clients:
            report = functools.partial(self._reporter.begin_step, str(client))
            self._installations[client] = self._installing.submit(
                laboratory.cache.prepare, client, report, self._reporter.notify
            )
