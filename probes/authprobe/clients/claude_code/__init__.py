"""The `claude` command at one npm version, one flow each."""

from typing import assert_never

from authprobe.clients.base import Sandbox
from authprobe.clients.claude_code.account import auth_logout, auth_status
from authprobe.clients.claude_code.command import PRODUCTS, Command, ended_early
from authprobe.clients.claude_code.parallel_sessions import ask_at_once
from authprobe.clients.claude_code.prompt import JSON, STREAM, ask, ask_on_stdin, read_report
from authprobe.observation.model import Observation
from authprobe.scenario.model import Flow

__all__ = ["PRODUCTS", "ended_early", "probe", "read_report"]


def probe(sandbox: Sandbox) -> Observation:
    """What comes of the flow of the case."""
    flow = Flow(sandbox.case.names.flow)
    command = Command.of(sandbox)
    match flow:
        case Flow.PROMPT:
            return ask(command, JSON)
        case Flow.PROMPT_STREAM:
            return ask(command, STREAM)
        case Flow.STDIO:
            return ask_on_stdin(command, STREAM)
        case Flow.PROMPTS_AT_ONCE:
            return ask_at_once(command)
        case Flow.INTERACTIVE:
            from authprobe.clients.claude_code.interactive import start

            return start(command)
        case Flow.AUTH_STATUS:
            return auth_status(command)
        case Flow.AUTH_LOGOUT:
            return auth_logout(command)
        case Flow.AUTH_LOGIN | Flow.SETUP_TOKEN:
            # Here, as the terminal that it needs takes longer to load than many runs have.
            from authprobe.clients.claude_code.login import sign_in

            if flow is Flow.AUTH_LOGIN:
                return sign_in(command, ("auth", "login"))
            return sign_in(command, ("setup-token",), shows_token=True)
    assert_never(flow)
