"""The Agent SDKs, for Python and for Node, each driven by a small program as a user would write."""

from typing import Final

from authprobe.clients.base import Sandbox
from authprobe.clients.claude_code import observation_without_report
from authprobe.clients.observe import ClientReport, incomplete_observation, observe
from authprobe.clients.process.child import ExitReason
from authprobe.clients.sdk.driver import read_last_object, run_driver
from authprobe.observation.model import NOT_THERE, Observation, Outcome

PRODUCTS: Final = ("agent-sdk",)
CLAUDE_NOT_FOUND: Final = "Claude Code not found"
"""What the SDK for Python says, up to 0.1.7, where there is no `claude` on PATH."""
NO_CLAUDE_DETAIL: Final = f"a claude of its own: {NOT_THERE}"


def probe(sandbox: Sandbox) -> Observation:
    """Run the driver to its end, and read the one JSON object that it prints."""
    library = sandbox.installed_client(sandbox.case.client).program
    driven = run_driver(sandbox, "agent_sdk", library, PRODUCTS)
    finished, began, version = driven.finished, driven.began, driven.version
    told = read_report(finished.stdout)
    if finished.exit_reason is ExitReason.TIMED_OUT or told is None:
        return observation_without_report(sandbox, finished, began=began, version=version)
    if (told.message or "").startswith(CLAUDE_NOT_FOUND) and not sandbox.exchanges:
        return incomplete_observation(
            sandbox, Outcome.UNAVAILABLE, NO_CLAUDE_DETAIL, began=began, version=version
        )
    return observe(sandbox, told, began=began, exit_code=finished.exit_code, version=version)


def read_report(stdout: str) -> ClientReport | None:
    """What the SDK gave its user; None: the driver did not come to its end.

    Both SDKs yield a failed result and then raise; what is raised counts where nothing was yielded.
    """
    told = read_last_object(stdout)
    if told is None or "error" not in told:
        return None
    result, raised = told.get("result") or {}, told["error"] or {}
    if not isinstance(result, dict) or not isinstance(raised, dict):
        return None
    status = result.get("api_error_status")
    message = result.get("result") or raised.get("message")
    return ClientReport(
        is_error=bool(raised) or bool(result.get("is_error", not result)),
        message=str(message) if message else None,
        status=status if type(status) is int else None,
    )
