"""Several `claude -p` at once in one home, as people keep sessions open: who wins, who is out."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from authprobe.clients.claude_code.command import Command
from authprobe.clients.claude_code.prompt import JSON_OPTIONS, QUESTION, read_report
from authprobe.clients.observe import last_error_line, last_inference
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.observation.model import Observation, Outcome, Session, status_outcome

SESSION_COUNT: Final = 3


def ask_concurrently(command: Command) -> Observation:
    """Start them together, with one stored login, and wait for all; accepted if each of them is."""
    words = ("-p", QUESTION, *JSON_OPTIONS)
    with ThreadPoolExecutor(SESSION_COUNT, thread_name_prefix="session") as pool:
        ended = list(pool.map(lambda _: command.run(words), range(SESSION_COUNT)))
    sessions = tuple(read_session(command, finished) for finished in ended)
    return combine(command, sessions)


def read_session(command: Command, finished: CompletedChild) -> Session:
    """What came of one of them, by what it told its user."""
    told = read_report(finished.stdout)
    if finished.exit_reason is ExitReason.TIMED_OUT:
        return Session(outcome=Outcome.TIMED_OUT)
    if told is None:
        said = command.sandbox.redactor(last_error_line(finished.stderr.strip() or finished.stdout))
        return Session(outcome=Outcome.CRASHED, message=said[:500], exit_code=finished.exit_code)
    outcome = Outcome.ACCEPTED
    if told.is_error:
        refused = told.status is not None and told.status >= 400
        outcome = status_outcome(told.status or 0) if refused else Outcome.REJECTED
    return Session(
        outcome=outcome,
        status=told.status,
        message=command.sandbox.redactor(told.message)[:2000] if told.message else None,
        exit_code=finished.exit_code,
    )


def combine(command: Command, sessions: tuple[Session, ...]) -> Observation:
    """The observation of all: what most of those came to that were not accepted, if there are any.

    Which of them wins is luck, so nothing here depends on their order.
    """
    sandbox = command.sandbox
    outcomes = Counter(session.outcome for session in sessions)
    accepted = outcomes.pop(Outcome.ACCEPTED, 0)
    outcome = max(outcomes, key=lambda one: (outcomes[one], one), default=Outcome.ACCEPTED)
    told = [session for session in sessions if session.outcome is outcome]
    last = last_inference(sandbox.exchanges)
    statuses, codes = ({getattr(x, name) for x in told} for name in ("status", "exit_code"))
    status = statuses.pop() if len(statuses) == 1 else None
    return Observation(
        outcome=outcome,
        status=status or (last.status if last and outcome is Outcome.ACCEPTED else None),
        message="\n".join(sorted({x.message for x in told if x.message})) or None,
        exit_code=codes.pop() if len(codes) == 1 else None,
        elapsed=round(time.monotonic() - command.began, 3),
        detail=f"{accepted} of {len(sessions)} sessions were accepted",
        exchanges=sandbox.exchanges,
        egress_refused=sandbox.backend.egress_refused,
        client_version=command.version,
        sessions=sessions,
    )
