"""The API SDKs for Python and Node.js, each called by a driver program."""

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

CONNECTION_ERRORS: Final = (
    "APIConnectionError: ",
    "APIConnectionTimeoutError: ",
    "APITimeoutError: ",
)
"""Exceptions for a missing response (platform.claude.com/docs/en/api/client-sdks)."""
PROGRAM_ERROR: Final = re.compile("(?:Attribute|Import|ModuleNotFound|Name|Reference|Type)Error: ")
"""Exceptions of incompatible libraries rather than of the SDK itself."""
NO_CREDENTIAL_ERROR: Final = re.compile('TypeError: "?Could not resolve authentication method')
"""Message of the Python SDK without a credential, although with such an exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverOutput:
    """The driver's printed object."""

    report: ClientReport
    detail: str | None = None
    """Further facts of an exception: the presence of the request id, and the cause."""


def probe(sandbox: Sandbox) -> Observation:
    """Run the driver and return the observation."""
    library = sandbox.installed_client(sandbox.case.client).folder
    driver = run_driver(sandbox, "anthropic_sdk", library)
    result, began, version = driver.result, driver.began, driver.version
    output = read_output(result.stdout)
    if result.exit_reason is ExitReason.TIMED_OUT or output is None:
        return observation_without_report(sandbox, result, began=began, version=version)
    observation = observe(
        sandbox, output.report, began=began, exit_code=result.exit_code, version=version
    )
    if observation.outcome is Outcome.REJECTED and last_inference(observation.exchanges) is None:
        observation = _classify_local_error(observation)
    details = filter(None, (output.detail, observation.detail))
    redacted = [sandbox.redactor.cut(detail, MAX_DETAIL_LENGTH) for detail in details]
    return dataclasses.replace(observation, detail="; ".join(redacted) or None)


def _classify_local_error(observation: Observation) -> Observation:
    """Refine the outcome of an SDK that sent no inference request, by its exception.

    The SDK refused the request itself (rejected), could not connect (unreachable), or failed, as
    with a dependency that is too new for it (crashed).
    """
    message = observation.message or ""
    if message.startswith(CONNECTION_ERRORS):
        return dataclasses.replace(
            observation, outcome=Outcome.UNREACHABLE, detail="the client could not connect"
        )
    if PROGRAM_ERROR.match(message) and not NO_CREDENTIAL_ERROR.match(message):
        return dataclasses.replace(observation, outcome=Outcome.CRASHED, detail=message)
    return observation


def read_output(stdout: str) -> DriverOutput | None:
    """Return the driver's output, or None if the driver did not complete.

    The message of an error is `class: text`, like the last line of a traceback.
    """
    document = read_last_object(stdout)
    if document is None or not {"answer", "error"} <= document.keys():
        return None
    error = document["error"]
    if error is None:
        return DriverOutput(report=ClientReport(is_error=False, message=str(document["answer"])))
    if not isinstance(error, dict):
        return None
    status = error.get("status")
    text = without_request_id(str(error.get("message") or ""))
    report = ClientReport(
        is_error=True,
        message=f"{error.get('type')}: {text}",
        status=status if type(status) is int else None,
    )
    preposition = "with" if error.get("request_id") else "without"
    cause = f"; caused by {error['cause']}" if error.get("cause") else ""
    return DriverOutput(report=report, detail=f"raised {preposition} the request id{cause}")
