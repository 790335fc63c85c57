"""Explain the records of failed and changed cases: their reasons, and the cause beside them."""

import dataclasses
from collections.abc import Iterator
from typing import Final

from authprobe.diagnosis.arrangement import is_arranged
from authprobe.diagnosis.diagnose import passed_nothing_on
from authprobe.diagnosis.observation_facts import missing_host
from authprobe.diagnosis.reasons.changes import change_reasons
from authprobe.diagnosis.reasons.difference import (
    BASELINE,
    COMMAND,
    ENDING,
    SCENARIO,
    Reference,
    Sentences,
    earlier_version,
    untestable,
)
from authprobe.diagnosis.reasons.expectation import (
    deciding_exchange,
    exchange_words,
    expectation_reasons,
    hidden_refusal,
)
from authprobe.diagnosis.reasons.kinds import Draft, in_order
from authprobe.observation.fingerprint import CLIENT
from authprobe.observation.model import Observation
from authprobe.plan.case import COMMAND_FLOW
from authprobe.run.model import CaseRecord, Diagnosis, Reason, Run
from authprobe.verdict.model import Status


def explain_run(run: Run) -> Run:
    """Return the run with reasons in every record that lacks them, as those of older runs do."""
    return dataclasses.replace(run, cases=tuple(map(explain_record, run.cases)))


def explain_record(record: CaseRecord) -> CaseRecord:
    """Return the record with its reasons, and without a cause that its scenario arranged."""
    if record.reasons or not needs_reasons(record):
        return record
    reasons = find_reasons(record)
    return dataclasses.replace(record, reasons=reasons, diagnosis=_cause(record))


def needs_reasons(record: CaseRecord) -> bool:
    """Return True if the case failed, could not be tested, or changed since the baseline."""
    verdict = record.verdict
    return bool(verdict.mismatches or verdict.transitions) or verdict.status is Status.ERROR


def _cause(record: CaseRecord) -> Diagnosis | None:
    """Return the cause of a refusal that explains a failure, or that no failure is about."""
    diagnosis = record.diagnosis
    if diagnosis is None or not record.verdict.mismatches:
        return diagnosis
    is_unknown = diagnosis.confidence == 0
    return None if is_unknown or is_arranged(record) else diagnosis


def find_reasons(record: CaseRecord) -> tuple[Reason, ...]:
    """Return what the client did otherwise than expected or before, the most important first."""
    first, *rest = (*in_order(_drafts(record)), None)
    if first is None:
        return ()
    remedy = first.remedy or _version_remedy(record)
    return (dataclasses.replace(first, remedy=remedy), *filter(None, rest))


def _version_remedy(record: CaseRecord) -> str | None:
    """Return what to do about a case that another version broke; None: no version is to blame."""
    transition = next((t for t in record.verdict.transitions if t.field == CLIENT), None)
    if transition is None or not record.verdict.regressed:
        return None
    return keep_version(record, transition.before)


def keep_version(record: CaseRecord, version: str) -> str:
    """Return the remedy for a case that is as expected with this version of its client."""
    return f"Keep {record.client.partition('@')[0]} {version} until this is fixed."


def _drafts(record: CaseRecord) -> Iterator[Draft]:
    observation, verdict = record.observation, record.verdict
    if verdict.status is Status.ERROR:
        yield untestable(observation.detail)
        return
    expected = tuple(_mismatch_drafts(record)) if verdict.mismatches else ()
    yield from expected
    told = {draft.id for draft in expected}
    say = Sentences(client=client_words(record), reference=_reference(record))
    for draft in change_reasons(say, verdict.transitions, observation):
        yield dataclasses.replace(draft, is_minor=draft.is_minor or draft.id in told)


def _mismatch_drafts(record: CaseRecord) -> Iterator[Draft]:
    reference = COMMAND if record.flow == COMMAND_FLOW else SCENARIO
    say = Sentences(
        client=client_words(record), reference=reference, silent_gateway=silent_gateway(record)
    )
    if host := missing_host(record.observation):
        # The cause of the same name follows, with the remedy.
        summary = f"{say.client} asked for {host}, which the emulator does not have."
        yield Draft(id="host-not-emulated", subject=host, summary=summary)
    else:
        yield from _rule_drafts(say, record.observation)
    if record.surface is not None:
        yield from hidden_refusal(say, record.observation)
    if record.expectation is None:
        return
    drafts = list(expectation_reasons(say, record.expectation, record.observation))
    is_other_ending = any(draft.subject == ENDING for draft in drafts)
    for draft in drafts:
        if not host or draft.id not in _FOLLOWS_FROM_HOST:
            # Another answer follows from another ending, or the other way round: one is enough.
            is_minor = draft.is_minor or (is_other_ending and draft.id == "answer")
            yield dataclasses.replace(draft, is_minor=is_minor)


def _rule_drafts(say: Sentences, observation: Observation) -> Iterator[Draft]:
    """Yield the reason for a request that the emulator denies because it knows no rule for it."""
    exchange = deciding_exchange(observation.exchanges)
    if exchange and (exchange.rule or "").startswith(_DENIAL):
        differs = f" differs in {', '.join(exchange.differs)}" if exchange.differs else ""
        nearest = f" (nearest: {exchange.nearest}{differs and ','}{differs})"
        summary = (
            f"{say.client} sent {exchange_words(exchange)}, for which the emulator has no rule"
        )
        summary += f"{nearest if exchange.nearest else ''}."
        yield Draft(id="no-rule", summary=summary, remedy=_RULE_REMEDY)


_DENIAL: Final = "deny:"
_RULE_REMEDY: Final = (
    "Check the request; if the service is known to answer it, report that the emulator lacks a "
    "rule (`authprobe share`)."
)
_FOLLOWS_FROM_HOST: Final = frozenset({"no-request", "request-missing", "unreachable"})
"""Kinds that say nothing more about a client whose host is not emulated."""


def silent_gateway(record: CaseRecord) -> str | None:
    """Return the user's gateway if the case has one that passed no request on, else None."""
    return record.client.partition("@")[0] if passed_nothing_on(record) else None


def client_words(record: CaseRecord) -> str:
    """Return the client with its version: `claude-code 2.1.332`."""
    if record.flow == COMMAND_FLOW:
        return "The command"
    name, at, _ = record.client.partition("@")
    is_single = "+" not in record.client
    if at and is_single and record.client_version:
        return f"{name} {record.client_version}"
    return record.client


def _reference(record: CaseRecord) -> Reference:
    transition = next((t for t in record.verdict.transitions if t.field == CLIENT), None)
    return earlier_version(transition.before) if transition else BASELINE
