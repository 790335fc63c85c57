"""The flows `claude auth status`, `claude auth logout` and `claude doctor`, which need no model."""

import json
from typing import Final

from authprobe.clients.claude_code.command import Command, observation_without_report
from authprobe.clients.process.child import ExitReason
from authprobe.observation.model import Observation

STATUS_ARGUMENTS: Final = ("auth", "status")
LOGOUT_ARGUMENTS: Final = ("auth", "logout")
DOCTOR_ARGUMENTS: Final = ("doctor",)
STATUS_FIELDS: Final = ("loggedIn", "authMethod")


def auth_status(command: Command) -> Observation:
    """Run `claude auth status`; accepted if it reports a login, which it does not verify online."""
    if not command.has_subcommand(STATUS_ARGUMENTS):
        return command.unavailable()
    result = command.run(STATUS_ARGUMENTS)
    status = read_status(result.stdout)
    if result.exit_reason is ExitReason.TIMED_OUT or status is None:
        return observation_without_report(
            command.sandbox, result, began=command.began, version=command.version
        )
    return command.observe_end(
        json.dumps(status), result.exit_code, success=status.get("loggedIn") is True
    )


def read_status(stdout: str) -> dict[str, object] | None:
    """Return the status fields about the login, or None if stdout is not a status."""
    try:
        status = json.loads(stdout)
    except (ValueError, RecursionError):
        return None
    if not isinstance(status, dict) or "loggedIn" not in status:
        return None
    return {name: status[name] for name in STATUS_FIELDS if name in status}


def auth_logout(command: Command) -> Observation:
    """Run `claude auth logout`; accepted if it exits with 0.

    `home_inspection` records what remains of the login.
    """
    if not command.has_subcommand(LOGOUT_ARGUMENTS):
        return command.unavailable()
    result = command.run(LOGOUT_ARGUMENTS)
    if result.exit_reason is ExitReason.TIMED_OUT:
        return observation_without_report(
            command.sandbox, result, began=command.began, version=command.version
        )
    message = result.stdout.strip() or result.stderr.strip()
    return command.observe_end(message, result.exit_code, success=result.exit_code == 0)


def doctor(command: Command) -> Observation:
    """Run `claude doctor`; accepted if it exits with 0.

    Only its title is kept, as the rest shows paths of the machine.
    """
    if not command.has_subcommand(DOCTOR_ARGUMENTS):
        return command.unavailable()
    result = command.run(DOCTOR_ARGUMENTS)
    if result.exit_reason is ExitReason.TIMED_OUT:
        return observation_without_report(
            command.sandbox, result, began=command.began, version=command.version
        )
    lines = (result.stdout.strip() or result.stderr.strip()).splitlines()
    return command.observe_end(
        lines[0].strip() if lines else "", result.exit_code, success=result.exit_code == 0
    )
