"""Programs that a definition runs to their end, and what they told their user."""

import dataclasses
import re
import signal
import time
from typing import Final

from authprobe.clients.base import Sandbox
from authprobe.clients.defined import readings
from authprobe.clients.defined.driven import driven_programs, full_version
from authprobe.clients.defined.preparation import Preparation, prepare
from authprobe.clients.defined.readings import Output
from authprobe.clients.defined.versions import program_version
from authprobe.clients.observe import (
    MAX_DETAIL_LENGTH,
    MAX_MESSAGE_LENGTH,
    ClientReport,
    add_remark,
    incomplete_observation,
    inference_requests,
    last_error_line,
    observe,
    without_request_id,
)
from authprobe.clients.process.child import CompletedChild, ExitReason, Stdin
from authprobe.observation.model import CLAIMED_SUCCESS, Exchange, Observation, Outcome

ENDED_EARLY: Final = "it ended before it asked the API"
TRUNCATED: Final = "its output was too long to be kept whole"
PROGRAM_ERROR: Final = re.compile(
    r"(?:\w+\.)*(?:Attribute|Import|ModuleNotFound|Name|Reference|Syntax)Error\b"
)
"""Errors of a program or its libraries rather than of what it asks."""


def run_program(sandbox: Sandbox) -> Observation:
    """Run the program of the case to its end, and return the observation.

    Raises:
        ClientError: it cannot be started, or another version ran.
    """
    client = sandbox.case.client
    preparation = prepare(sandbox, client, programs=driven_programs(sandbox))
    began = time.monotonic()
    result = run(preparation, limit=sandbox.case.limit)
    sandbox.end_processes()  # what it left behind must not change what is read now
    observation = observe_program(preparation, result, began=began)
    return dataclasses.replace(
        observation, client_version=full_version(sandbox, observation.client_version)
    )


def observe_program(
    preparation: Preparation, result: CompletedChild, *, began: float
) -> Observation:
    """Return the observation of a program that has ended.

    Raises:
        ClientError: another version ran.
    """
    sandbox = preparation.sandbox
    output = Output(
        home=sandbox.home_folder,
        stdout=result.stdout,
        stderr=result.stderr,
        exit_code=result.exit_code,
    )
    version = program_version(preparation)
    observation = _observe(preparation, result, output, began=began, version=version)
    return add_remark(observation, TRUNCATED) if result.truncated else observation


def run(preparation: Preparation, *, limit: float) -> CompletedChild:
    """Run a program to its end, or for `limit` seconds.

    Raises:
        ClientError: it cannot be started.
    """
    definition, sandbox = preparation.definition, preparation.sandbox
    stdin = definition.stdin
    with sandbox.start(
        preparation.command(definition.run or ()),
        env=preparation.environment,
        cwd=sandbox.make_work_folder(),
        stdin=Stdin.NOTHING if stdin is None else Stdin.PIPE,
    ) as child:
        if stdin is not None:
            child.write(preparation.fill(stdin).encode())
            child.end_input()
        return child.wait(limit, sandbox.enough)


def _observe(
    preparation: Preparation,
    result: CompletedChild,
    output: Output,
    *,
    began: float,
    version: str | None,
) -> Observation:
    sandbox, definition = preparation.sandbox, preparation.definition
    if result.exit_reason is ExitReason.TIMED_OUT:
        return _timed_out(preparation, output, began=began, version=version)
    if result.exit_code < 0:
        return _crashed(preparation, output, began=began, version=version)
    is_accepted = readings.meets_all(definition.accepted, output)
    report = read_report(preparation, output, is_accepted=is_accepted)
    observation = observe_report(
        sandbox, report, began=began, exit_code=result.exit_code, version=version
    )
    if observation.outcome is Outcome.REJECTED and not inference_requests(observation.exchanges):
        return _classify_local_error(observation, has_credential=bool(sandbox.case.credentials))
    return observation


def read_report(preparation: Preparation, output: Output, *, is_accepted: bool) -> ClientReport:
    """Return what the program told its user.

    Without a reading of the message that finds one, it is the last line of its answer, or the last
    error line.
    """
    definition = preparation.definition
    message = readings.read_text(definition.message, output)
    if message is None:
        message = _last_line(output.stdout) if is_accepted else last_error_line(output.text)
    return ClientReport(
        is_error=not is_accepted,
        message=without_request_id(message) if message else None,
        status=readings.read_status(definition.status, output),
    )


def observe_report(
    sandbox: Sandbox,
    report: ClientReport,
    *,
    began: float,
    exit_code: int | None,
    version: str | None,
) -> Observation:
    """Return the observation of a report, as an error if it hides that no request was accepted."""
    is_hidden = not report.is_error and hides_refusal(inference_requests(sandbox.exchanges))
    if is_hidden:
        report = dataclasses.replace(report, is_error=True)
    observation = observe(sandbox, report, began=began, exit_code=exit_code, version=version)
    return add_remark(observation, CLAIMED_SUCCESS) if is_hidden else observation


def hides_refusal(requests: tuple[Exchange, ...]) -> bool:
    """Return True if a report of success is false: no request to a model was accepted, or the last
    one was refused.
    """
    statuses = [request.status for request in requests]
    accepted = [status for status in statuses if status is not None and status < 400]
    return not accepted or (statuses[-1] or 0) >= 400


def _last_line(text: str) -> str | None:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), None)


def _timed_out(
    preparation: Preparation, output: Output, *, began: float, version: str | None
) -> Observation:
    detail = preparation.sandbox.end_words
    return _unfinished(preparation, Outcome.TIMED_OUT, detail, output, began=began, version=version)


def _crashed(
    preparation: Preparation, output: Output, *, began: float, version: str | None
) -> Observation:
    detail = f"ended by {_signal_name(-(output.exit_code or 0))}"
    return _unfinished(preparation, Outcome.CRASHED, detail, output, began=began, version=version)


def _unfinished(
    preparation: Preparation,
    outcome: Outcome,
    detail: str,
    output: Output,
    *,
    began: float,
    version: str | None,
) -> Observation:
    """Return the observation of a program that did not end by itself, with what it told until
    then.
    """
    sandbox = preparation.sandbox
    exit_code = output.exit_code if outcome is Outcome.CRASHED else None
    observation = incomplete_observation(
        sandbox, outcome, detail, began=began, exit_code=exit_code, version=version
    )
    if not output.text.strip() and preparation.definition.message is None:
        return observation
    report = read_report(preparation, output, is_accepted=False)
    return dataclasses.replace(
        observation,
        reported_status=report.status,
        message=sandbox.redactor.cut(report.message, MAX_MESSAGE_LENGTH)
        if report.message
        else None,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"the signal {number}"


def _classify_local_error(observation: Observation, *, has_credential: bool) -> Observation:
    """Return the observation as a crash if the program failed before it asked anything.

    Only a program without a credential can have refused by itself: nobody knows what else it means.
    """
    message = observation.message or ""
    if PROGRAM_ERROR.match(message):
        detail = message
    elif has_credential and not observation.exchanges:
        detail = f"{ENDED_EARLY}: {message}"
    else:
        return observation
    return dataclasses.replace(
        observation, outcome=Outcome.CRASHED, detail=detail[:MAX_DETAIL_LENGTH]
    )
