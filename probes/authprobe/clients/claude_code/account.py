"""`claude auth status` and `claude auth logout`: what is stored, told and taken away."""

import json
from typing import Final

from authprobe.clients.claude_code.command import Command, ended_early
from authprobe.clients.process.child import ExitReason
from authprobe.observation.model import Observation

STATUS: Final = ("auth", "status")
LOGOUT: Final = ("auth", "logout")
TOLD: Final = ("loggedIn", "authMethod")


def auth_status(command: Command) -> Observation:
    """Accepted if it says that somebody is logged in: it asks nobody whether that is so."""
    if not command.has(STATUS):
        return command.unavailable()
    finished = command.run(STATUS)
    told = read_status(finished.stdout)
    if finished.ended is ExitReason.LIMIT or told is None:
        return ended_early(command.sandbox, finished, began=command.began, version=command.version)
    return command.done(json.dumps(told), finished.exit_code, good=told.get("loggedIn") is True)


def read_status(stdout: str) -> dict[str, object] | None:
    """The fields of the status that say who is logged in, and by what; None: it is no status."""
    try:
        told = json.loads(stdout)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or "loggedIn" not in told:
        return None
    return {name: told[name] for name in TOLD if name in told}


def auth_logout(command: Command) -> Observation:
    """Accepted if it says so with its exit code; what is left is in the stored login."""
    if not command.has(LOGOUT):
        return command.unavailable()
    finished = command.run(LOGOUT)
    if finished.ended is ExitReason.LIMIT:
        return ended_early(command.sandbox, finished, began=command.began, version=command.version)
    said = finished.stdout.strip() or finished.stderr.strip()
    return command.done(said, finished.exit_code, good=finished.exit_code == 0)
