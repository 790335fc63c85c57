"""Concurrent `claude -p` sessions in one home: which of them stay authenticated."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from authprobe.clients.claude_code.command import Command
from authprobe.clients.claude_code.prompt import JSON_OPTIONS, QUESTION, read_report
from authprobe.clients.observe import (
    MAX_DETAIL_LENGTH,
    MAX_MESSAGE_LENGTH,
    last_error_line,
    last_inference,
)
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.observation.model import Observation, Outcome, Session, status_outcome

SESSION_COUNT: Final = 3


def ask_concurrently(command: Command) -> Observation:
    """Start all sessions with one stored login; accepted if each of them is."""
    arguments = ("-p", QUESTION, *JSON_OPTIONS)
    with ThreadPoolExecutor(SESSION_COUNT, thread_name_prefix="session") as pool:
        results = list(pool.map(lambda _: command.run(arguments), range(SESSION_COUNT)))
    sessions = tuple(read_session(command, result) for result in results)
    return combine(command, sessions)


def read_session(command: Command, result: CompletedChild) -> Session:
    """Return the outcome of one session, from its report to the user."""
    redactor, report = command.sandbox.redactor, read_report(result.stdout)
    if result.exit_reason is ExitReason.TIMED_OUT:
        return Session(outcome=Outcome.TIMED_OUT)
    if report is None:
        reason = last_error_line(result.stderr.strip() or result.stdout)
        return Session(
            outcome=Outcome.CRASHED,
            message=redactor.cut(reason, MAX_DETAIL_LENGTH),
            exit_code=result.exit_code,
        )
    outcome = Outcome.ACCEPTED
    if report.is_error:
        refused = report.status is not None and report.status >= 400
        outcome = status_outcome(report.status or 0) if refused else Outcome.REJECTED
    return Session(
        outcome=outcome,
        status=report.status,
        message=redactor.cut(report.message, MAX_MESSAGE_LENGTH) if report.message else None,
        exit_code=result.exit_code,
    )


def combine(command: Command, sessions: tuple[Session, ...]) -> Observation:
    """Return the observation of all sessions: the most frequent outcome other than accepted.

    The result does not depend on the sessions' order, as the winner of a race is arbitrary.
    """
    sandbox = command.sandbox
    outcomes = Counter(session.outcome for session in sessions)
    accepted = outcomes.pop(Outcome.ACCEPTED, 0)
    outcome = max(outcomes, key=lambda key: (outcomes[key], key), default=Outcome.ACCEPTED)
    matches = [session for session in sessions if session.outcome is outcome]
    last = last_inference(sandbox.exchanges)
    statuses = {session.status for session in matches}
    exit_codes = {session.exit_code for session in matches}
    status = statuses.pop() if len(statuses) == 1 else None
    return Observation(
        outcome=outcome,
        status=status or (last.status if last and outcome is Outcome.ACCEPTED else None),
        message="\n".join(sorted({x.message for x in matches if x.message})) or None,
        exit_code=exit_codes.pop() if len(exit_codes) == 1 else None,
        elapsed=round(time.monotonic() - command.began, 3),
        detail=f"{accepted} of {len(sessions)} sessions were accepted",
        exchanges=sandbox.exchanges,
        egress_refused=sandbox.backend.log.egress_refused,
        client_version=command.version,
        sessions=sessions,
    )
