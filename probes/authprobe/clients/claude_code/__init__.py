"""The `claude-code` client: one version of the `claude` command, in the flow of the case."""

from typing import assert_never

from authprobe.clients.base import Sandbox
from authprobe.clients.claude_code.account import auth_logout, auth_status, doctor
from authprobe.clients.claude_code.command import Command, observation_without_report
from authprobe.clients.claude_code.parallel_sessions import ask_concurrently
from authprobe.clients.claude_code.prompt import (
    JSON_OPTIONS,
    STREAM_OPTIONS,
    ask,
    ask_on_stdin,
    read_report,
)
from authprobe.core.client_kinds import Flow
from authprobe.observation.model import Observation

__all__ = ["observation_without_report", "probe", "read_report"]


def probe(sandbox: Sandbox) -> Observation:
    """Run the case's flow and return its observation."""
    flow = Flow(sandbox.case.names.flow)
    command = Command.for_sandbox(sandbox)
    match flow:
        case Flow.PROMPT:
            return ask(command, JSON_OPTIONS)
        case Flow.PROMPT_STREAM:
            return ask(command, STREAM_OPTIONS)
        case Flow.STDIO:
            return ask_on_stdin(command, STREAM_OPTIONS)
        case Flow.PROMPTS_AT_ONCE:
            return ask_concurrently(command)
        case Flow.INTERACTIVE:
            from authprobe.clients.claude_code.interactive import ask_in_terminal

            return ask_in_terminal(command)
        case Flow.AUTH_STATUS:
            return auth_status(command)
        case Flow.AUTH_LOGOUT:
            return auth_logout(command)
        case Flow.DOCTOR:
            return doctor(command)
        case Flow.AUTH_LOGIN | Flow.SETUP_TOKEN:
            # Imported here: the terminal emulator takes longer to load than many runs take.
            from authprobe.clients.claude_code.login import sign_in

            if flow is Flow.AUTH_LOGIN:
                return sign_in(command, ("auth", "login"))
            return sign_in(command, ("setup-token",), shows_token=True)
    assert_never(flow)
