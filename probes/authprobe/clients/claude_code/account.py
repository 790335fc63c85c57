"""`claude auth status` and `claude auth logout`: what is stored, told and taken away."""

import json
from typing import Final

from authprobe.clients.claude_code.command import Command, observation_without_report
from authprobe.clients.process.child import ExitReason
from authprobe.observation.model import Observation

STATUS_ARGUMENTS: Final = ("auth", "status")
LOGOUT_ARGUMENTS: Final = ("auth", "logout")
STATUS_FIELDS: Final = ("loggedIn", "authMethod")


def auth_status(command: Command) -> Observation:
    """Accepted if it says that somebody is logged in: it asks nobody whether that is so."""
    if not command.has_subcommand(STATUS_ARGUMENTS):
        return command.unavailable()
    finished = command.run(STATUS_ARGUMENTS)
    told = read_status(finished.stdout)
    if finished.exit_reason is ExitReason.TIMED_OUT or told is None:
        return observation_without_report(
            command.sandbox, finished, began=command.began, version=command.version
        )
    return command.observe_end(
        json.dumps(told), finished.exit_code, success=told.get("loggedIn") is True
    )


def read_status(stdout: str) -> dict[str, object] | None:
    """The fields of the status that say who is logged in, and by what; None: it is no status."""
    try:
        told = json.loads(stdout)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or "loggedIn" not in told:
        return None
    return {name: told[name] for name in STATUS_FIELDS if name in told}


def auth_logout(command: Command) -> Observation:
    """Accepted if it says so with its exit code; what is left is in the stored login."""
    if not command.has_subcommand(LOGOUT_ARGUMENTS):
        return command.unavailable()
    finished = command.run(LOGOUT_ARGUMENTS)
    if finished.exit_reason is ExitReason.TIMED_OUT:
        return observation_without_report(
            command.sandbox, finished, began=command.began, version=command.version
        )
    said = finished.stdout.strip() or finished.stderr.strip()
    return command.observe_end(said, finished.exit_code, success=finished.exit_code == 0)
