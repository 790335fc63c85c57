"""Conducts a bisection: probes what the search asks for, and installs what it may ask next."""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
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
"""Characters of what shows that a version is bad, while the search goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecord:
    """What a version has shown, and why it was asked."""

    version: str
    observation: Observation
    purpose: Purpose


Probe = Callable[[ProbeRequest, Search], ProbeRecord]
"""What the version that is asked for shows; the search tells which may be asked next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionReport:
    """A bisection with what was seen."""

    inquiry: BisectionQuestion
    versions: tuple[str, ...]
    fix: bool
    bisection: Bisection
    sightings: tuple[ProbeRecord, ...]

    def seen(self, version: str | None) -> tuple[Observation, ...]:
        """All that a version has shown which says what is said of it."""
        words = {known.version: known.word for known in self.bisection.assessments}
        reference = _reference_value(self.inquiry, self.sightings)
        return tuple(
            sighting.observation
            for sighting in self.sightings
            if sighting.version == version
            and self.inquiry.read(version, sighting.observation, reference)[0] is words[version]
        )


def records_from_log(
    inquiry: BisectionQuestion, versions: Sequence[str], trials: Iterable[Trial], *, tested: bool
) -> tuple[ProbeRecord, ...]:
    """What the log has of these versions, in the order in which it was written.

    With `tested` nothing of what could not be tested then, and of the bounds nothing that hung or
    crashed: without them there is no answer, and they are tried again.
    """
    wanted = {cache_key(inquiry.at(version)): version for version in versions}
    found = (
        ProbeRecord(version=wanted[trial.key], observation=trial.observation, purpose=Purpose.KNOWN)
        for trial in trials
        if trial.key in wanted
    )
    return tuple(seen for seen in found if not tested or _is_useful(inquiry, seen))


def _is_useful(inquiry: BisectionQuestion, seen: ProbeRecord) -> bool:
    if seen.version not in (inquiry.good, inquiry.bad):
        return not seen.observation.untestable
    return inquiry.read(seen.version, seen.observation, None)[0] is not Classification.UNTESTABLE


class _Classifier:
    """Reads what was seen as answers; each once for each value that it is compared with."""

    def __init__(self, inquiry: BisectionQuestion) -> None:
        self._inquiry = inquiry
        self._read: dict[tuple[int, FieldValue | None], tuple[Classification, str | None]] = {}

    def search(
        self, versions: tuple[str, ...], sightings: Sequence[ProbeRecord], *, fix: bool
    ) -> Search:
        """The search with every answer that can be read; the sightings have to live on."""
        reference = _reference_value(self._inquiry, sightings)
        answers = []
        for seen in sightings:
            if self._inquiry.when and reference is None and seen.version != self._inquiry.good:
                continue  # there is nothing yet to compare it with
            word, reason = self._answer(seen, reference)
            answers.append(
                BisectionAnswer(
                    version=seen.version, word=word, reason=reason, purpose=seen.purpose
                )
            )
        oldest = Classification.BAD if fix else Classification.GOOD
        return Search(versions=versions, oldest=oldest, answers=tuple(answers))

    def _answer(
        self, seen: ProbeRecord, reference: FieldValue | None
    ) -> tuple[Classification, str | None]:
        key = id(seen), reference
        if key not in self._read:
            self._read[key] = self._inquiry.read(seen.version, seen.observation, reference)
        return self._read[key]


def _reference_value(
    inquiry: BisectionQuestion, sightings: Sequence[ProbeRecord]
) -> FieldValue | None:
    """What the good version has shown first."""
    for seen in sightings:
        if seen.version == inquiry.good:
            word, _ = inquiry.read(seen.version, seen.observation, None)
            if word is not Classification.UNTESTABLE:
                return inquiry.value(seen.observation)
    return None


def run_bisection(
    inquiry: BisectionQuestion,
    versions: tuple[str, ...],
    known: Sequence[ProbeRecord],
    probe: Probe,
    reporter: Reporter,
    *,
    fix: bool,
) -> BisectionReport:
    """Ask until there is an answer, or nothing can be installed here."""
    sightings, reading = list(known), _Classifier(inquiry)
    while True:
        search = reading.search(versions, sightings, fix=fix)
        asked = next_step(search)
        if isinstance(asked, Bisection):
            break
        reporter.begin_stage(stage_title(asked), max_remaining_probes(asked, search))
        seen = probe(asked, search)
        if reason := local_failure_reason(seen.observation):
            asked = stop(search, f"nothing can be installed here: {reason}")
            break
        sightings.append(seen)
        answer = reading.search(versions, sightings, fix=fix).answers[-1]
        because = f" ({truncate(answer.reason, MAX_REASON_LENGTH)})" if answer.reason else ""
        reporter.notify(f"{asked.version}: {answer.word}{because}")
    return BisectionReport(
        inquiry=inquiry,
        versions=versions,
        fix=fix,
        bisection=asked,
        sightings=tuple(sightings),
    )


def stage_title(question: ProbeRequest) -> str:
    """What is left, in words."""
    low, high = question.remaining
    match question.purpose:
        case Purpose.SAMPLE:
            return f"a sample outside {low} to {high}"
        case Purpose.CONFIRM:
            return f"a second look at {question.version}"
        case Purpose.SETTLE:
            return f"{question.version} again, as answers differ"
        case _:
            left = "candidate" if question.candidates == 1 else "candidates"
            return f"{question.candidates} {left} after {low}, up to {high}; probes at most"


def max_remaining_probes(question: ProbeRequest, search: Search) -> int:
    """Probes until the interval is found, if every version can be tested; then one at a time."""
    if question.purpose not in (Purpose.BOUND, Purpose.SEARCH):
        return 1
    known = {answer.version for answer in search.answers}
    bounds = sum(version not in known for version in question.remaining)
    return max(math.ceil(math.log2(max(question.candidates, 1))) + bounds, 1)


def replay(question: ProbeRequest, search: Search) -> ProbeRecord:
    """In the place of a probe, where only the log is to answer."""
    nothing = Observation(outcome=Outcome.UNAVAILABLE, detail=NOT_IN_LOG)
    return ProbeRecord(version=question.version, observation=nothing, purpose=Purpose.LACKING)


class BisectionProber(ProbeSession):
    """Probes one version after the other."""

    def __init__(
        self, inquiry: BisectionQuestion, settings: Settings, log: ProbeLog, reporter: Reporter
    ) -> None:
        super().__init__(settings, log.redactor, jobs=1)
        self._inquiry = inquiry
        self._log = log
        self._reporter = reporter
        self._preparing: dict[Client, Future[None]] = {}

    def __call__(self, question: ProbeRequest, search: Search) -> ProbeRecord:
        """What the version shows; both that may come next are installed meanwhile."""
        laboratory = self.laboratory
        case = self._inquiry.at(question.version)
        cases = [case, *map(self._inquiry.at, upcoming_versions(search, question))]
        self._forget_waiting()
        self._let_go(laboratory, engine.required_clients(cases))
        for each in cases:
            self._prepare(laboratory, each)
        self._reporter.begin_step(str(case.client), "")
        for client in engine.required_clients([case]):
            self._preparing[client].result()
        self._reporter.begin_step(str(case.client), "probing")
        observation = self._probing.submit(engine.probe_case, laboratory, case).result()
        self._reporter.finish_step(str(case.client))
        record_trial(self._log, case, observation, self._reporter)
        return ProbeRecord(
            version=question.version, observation=observation, purpose=question.purpose
        )

    def _let_go(self, laboratory: Laboratory, needed: Sequence[Client]) -> None:
        """What is installed and not needed now may make room for others."""
        for client, preparing in tuple(self._preparing.items()):
            if client not in needed and preparing.done():
                laboratory.cache.release(client)
                del self._preparing[client]

    def _forget_waiting(self) -> None:
        """What was foreseen and is not yet being installed may not be needed any more."""
        self._preparing = {c: each for c, each in self._preparing.items() if not each.cancel()}

    def _prepare(self, laboratory: Laboratory, case: Case) -> None:
        clients = [c for c in engine.required_clients([case]) if c not in self._preparing]
        laboratory.cache.pin(clients)
        for client in clients:
            say = functools.partial(self._reporter.begin_step, str(client))
            self._preparing[client] = self._installing.submit(
                laboratory.cache.prepare, client, say, self._reporter.notify
            )
