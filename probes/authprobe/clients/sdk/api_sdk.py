"""The API's own SDKs, for Python and for Node, each driven by a small program as a user's."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Final

from authprobe.clients.base import Sandbox
from authprobe.clients.claude_code import observation_without_report
from authprobe.clients.observe import (
    MAX_DETAIL_LENGTH,
    ClientReport,
    last_inference,
    observe,
    without_request_id,
)
from authprobe.clients.process.child import ExitReason
from authprobe.clients.sdk.driver import read_last_object, run_driver
from authprobe.observation.model import Observation, Outcome

PRODUCTS: Final = ("Anthropic/Python", "Anthropic/JS")
CONNECTION_ERRORS: Final = (
    "APIConnectionError: ",
    "APIConnectionTimeoutError: ",
    "APITimeoutError: ",
)
"""Its exceptions where there is no answer (platform.claude.com/docs/en/api/client-sdks)."""
PROGRAM_ERROR: Final = re.compile("(?:Attribute|Import|ModuleNotFound|Name|Reference|Type)Error: ")
"""Exceptions of a program that does not fit what it runs with, and not of the SDK."""
NO_CREDENTIAL_ERROR: Final = re.compile('TypeError: "?Could not resolve authentication method')
"""What the SDK for Python says without a credential, although by such an exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverOutput:
    """What the driver printed."""

    report: ClientReport
    detail: str | None = None
    """What else an exception told: whether it has the request id, and its cause."""


def probe(sandbox: Sandbox) -> Observation:
    """Run the driver to its end, and read the one JSON object that it prints."""
    library = sandbox.installed_client(sandbox.case.client).folder
    driven = run_driver(sandbox, "anthropic_sdk", library, PRODUCTS)
    finished, began, version = driven.finished, driven.began, driven.version
    told = read_report(finished.stdout)
    if finished.exit_reason is ExitReason.TIMED_OUT or told is None:
        return observation_without_report(sandbox, finished, began=began, version=version)
    seen = observe(sandbox, told.report, began=began, exit_code=finished.exit_code, version=version)
    if seen.outcome is Outcome.REJECTED and last_inference(seen.exchanges) is None:
        seen = _at_fault(seen)
    notes = [
        sandbox.redactor.cut(note, MAX_DETAIL_LENGTH) for note in (told.detail, seen.detail) if note
    ]
    return dataclasses.replace(seen, detail="; ".join(notes) or None)


def _at_fault(seen: Observation) -> Observation:
    """The observation of an SDK that asked no model, by the exception that it raised: it may have
    refused to, not have come through, or be broken, as with a library that is too new for it.
    """
    told = seen.message or ""
    if told.startswith(CONNECTION_ERRORS):
        return dataclasses.replace(
            seen, outcome=Outcome.UNREACHABLE, detail="the client could not connect"
        )
    if PROGRAM_ERROR.match(told) and not NO_CREDENTIAL_ERROR.match(told):
        return dataclasses.replace(seen, outcome=Outcome.CRASHED, detail=told)
    return seen


def read_report(stdout: str) -> DriverOutput | None:
    """What the SDK gave its user; None: the driver did not come to its end.

    An exception is told by its class and its text, as a traceback ends.
    """
    told = read_last_object(stdout)
    if told is None or not {"answer", "error"} <= told.keys():
        return None
    raised = told["error"]
    if raised is None:
        return DriverOutput(report=ClientReport(is_error=False, message=str(told["answer"])))
    if not isinstance(raised, dict):
        return None
    status = raised.get("status")
    text = without_request_id(str(raised.get("message") or ""))
    report = ClientReport(
        is_error=True,
        message=f"{raised.get('type')}: {text}",
        status=status if type(status) is int else None,
    )
    has_id = "with" if raised.get("request_id") else "without"
    cause = f"; caused by {raised['cause']}" if raised.get("cause") else ""
    return DriverOutput(report=report, detail=f"raised {has_id} the request id{cause}")
