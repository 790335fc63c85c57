"""The Agent SDKs for Python and Node.js, each called by a driver program."""

from typing import Final

from authprobe.clients.base import Sandbox
from authprobe.clients.claude_code import observation_without_report
from authprobe.clients.observe import ClientReport, incomplete_observation, observe
from authprobe.clients.process.child import ExitReason
from authprobe.clients.sdk.driver import read_last_object, run_driver
from authprobe.observation.model import COMMAND_MISSING, Observation, Outcome

CLAUDE_NOT_FOUND: Final = "Claude Code not found"
"""Message of the Python SDK up to 0.1.7 if no `claude` is on PATH."""
NO_CLAUDE_DETAIL: Final = f"a claude of its own: {COMMAND_MISSING}"


def probe(sandbox: Sandbox) -> Observation:
    """Run the driver and return the observation."""
    library = sandbox.installed_client(sandbox.case.client).program
    driver = run_driver(sandbox, "agent_sdk", library)
    result, began, version = driver.result, driver.began, driver.version
    report = read_report(result.stdout)
    if result.exit_reason is ExitReason.TIMED_OUT or report is None:
        return observation_without_report(sandbox, result, began=began, version=version)
    if (report.message or "").startswith(CLAUDE_NOT_FOUND) and not sandbox.exchanges:
        return incomplete_observation(
            sandbox, Outcome.UNAVAILABLE, NO_CLAUDE_DETAIL, began=began, version=version
        )
    return observe(sandbox, report, began=began, exit_code=result.exit_code, version=version)


def read_report(stdout: str) -> ClientReport | None:
    """Return the SDK's report to its user, or None if the driver did not complete.

    Both SDKs yield a failed result and then raise; the result's message takes precedence.
    """
    document = read_last_object(stdout)
    if document is None or "error" not in document:
        return None
    result, error = document.get("result") or {}, document["error"] or {}
    if not isinstance(result, dict) or not isinstance(error, dict):
        return None
    status = result.get("api_error_status")
    message = result.get("result") or error.get("message")
    return ClientReport(
        is_error=bool(error) or bool(result.get("is_error", not result)),
        message=str(message) if message else None,
        status=status if type(status) is int else None,
    )
