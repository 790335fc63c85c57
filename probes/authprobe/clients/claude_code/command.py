"""The installed `claude` command in a sandbox, and the observations that all its flows share."""

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from authprobe.clients.base import SYSTEM_PATH, Sandbox, find_program
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.observe import (
    MAX_MESSAGE_LENGTH,
    incomplete_observation,
    last_error_line,
    verified_version,
)
from authprobe.clients.process.child import Child, CompletedChild, ExitReason, Stdin
from authprobe.core.client_kinds import CLIENTS, ClientKind
from authprobe.errors import ClientError
from authprobe.observation.model import (
    COMMAND_MISSING,
    Exchange,
    Observation,
    Outcome,
    status_outcome,
)

BROWSER_COMMANDS: Final = ("xdg-open", "open")
NODE: Final = "node"
NODE_SHEBANG: Final = re.compile(rb"#!.*\bnode\b")
MAX_SHEBANG_BYTES: Final = 256
HELP_TIMEOUT: Final = 20.0
LOGIN_PATHS: Final = ("/oauth/authorize", "/oauth/code/callback", "/oauth/token")
"""Path suffixes of the requests of a login."""


@dataclass(slots=True)
class Command:
    """The installed `claude` command, with the environment of its case."""

    sandbox: Sandbox
    installed: InstalledClient
    environment: Mapping[str, str]
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def for_sandbox(cls, sandbox: Sandbox) -> Self:
        """Return the command of the case; its attempts to open a browser fail."""
        installed = sandbox.installed_client(sandbox.case.client)
        browser = Path(shutil.which("false", path=SYSTEM_PATH) or "/bin/false")
        programs = dict.fromkeys(BROWSER_COMMANDS, browser) | find_node_for(installed.program)
        return cls(sandbox, installed, sandbox.environment(programs))

    @property
    def remaining(self) -> float:
        """Seconds until the case's time limit."""
        return max(self.began + self.sandbox.case.limit - time.monotonic(), 0.0)

    @property
    def version(self) -> str:
        """Version that ran, verified against the requests; finishes the case."""
        return verified_version(
            self.sandbox.exchanges,
            CLIENTS[ClientKind.CLAUDE_CODE].products,
            self.installed.version,
        )

    def run(self, arguments: Sequence[str], *, limit: float | None = None) -> CompletedChild:
        """Run the command to its end, or for `limit` seconds but not beyond the case's limit."""
        return self.sandbox.run(
            [self.installed.program, *arguments],
            env=self.environment,
            cwd=self.sandbox.make_work_folder(),
            limit=self.remaining if limit is None else min(limit, self.remaining),
        )

    def start(
        self, arguments: Sequence[str], stdin: Stdin, variables: Mapping[str, str] | None = None
    ) -> Child:
        """Start the command with these arguments and additional environment variables."""
        return self.sandbox.start(
            [self.installed.program, *arguments],
            env={**self.environment, **(variables or {})},
            cwd=self.sandbox.make_work_folder(),
            stdin=stdin,
        )

    def has_subcommand(self, subcommand: Sequence[str]) -> bool:
        """Return True if this version has the subcommand: an older one takes it for a prompt.

        Raises:
            ClientError: the command printed no usage text.
        """
        name = " ".join(subcommand)
        result = self.run([*subcommand, "--help"], limit=HELP_TIMEOUT)
        if result.exit_code or "Usage:" not in result.stdout:
            raise ClientError(f"{name} --help: {last_error_line(result.stderr or result.stdout)}")
        self.began = time.monotonic()
        return f"Usage: claude {name}" in result.stdout

    def unavailable(self, detail: str = COMMAND_MISSING) -> Observation:
        """Return the observation of a flow that this version lacks."""
        return incomplete_observation(
            self.sandbox,
            Outcome.UNAVAILABLE,
            detail,
            began=self.began,
            version=self.version,
        )

    def observe_end(self, message: str, exit_code: int | None, *, success: bool) -> Observation:
        """Return the observation of a completed flow that sends no inference request."""
        # First, as it finishes the case.
        redacted_message = self.sandbox.redactor.cut(message, MAX_MESSAGE_LENGTH)
        last = last_login_exchange(self.sandbox.exchanges)
        status = last.status if last else None
        refused = not success and status is not None and status >= 400
        outcome, detail = Outcome.ACCEPTED, None
        if refused and status is not None:
            outcome = status_outcome(status)
        elif not success:
            outcome, detail = Outcome.REJECTED, "refused by the client itself"
        return Observation(
            outcome=outcome,
            status=status,
            error_type=last.error_type if refused and last else None,
            message=redacted_message or None,
            exit_code=exit_code,
            elapsed=round(time.monotonic() - self.began, 3),
            detail=detail,
            exchanges=self.sandbox.exchanges,
            egress_refused=self.sandbox.backend.log.egress_refused,
            client_version=self.version,
        )


def find_node_for(program: Path) -> dict[str, Path]:
    """Return Node.js by name, if installed; only the JavaScript packaging requires it.

    Raises:
        ClientError: the program is a Node.js script, and Node.js is missing.
    """
    with program.open("rb") as file:
        is_node_script = NODE_SHEBANG.match(file.readline(MAX_SHEBANG_BYTES)) is not None
    try:
        return {NODE: find_program(NODE)}
    except ClientError:
        if is_node_script:
            raise
        return {}


def last_login_exchange(exchanges: tuple[Exchange, ...]) -> Exchange | None:
    """Return the last request of a login, or None."""
    requests = [exchange for exchange in exchanges if exchange.path.endswith(LOGIN_PATHS)]
    return requests[-1] if requests else None


def observation_without_report(
    sandbox: Sandbox, result: CompletedChild, *, began: float, version: str | None
) -> Observation:
    """Return the observation of a child that timed out, or exited without a readable report."""
    if result.exit_reason is ExitReason.TIMED_OUT:
        return incomplete_observation(
            sandbox, Outcome.TIMED_OUT, sandbox.end_words, began=began, version=version
        )
    reason = last_error_line(result.stderr.strip() or result.stdout)
    note = " (its output was too long to be kept whole)" if result.truncated else ""
    return incomplete_observation(
        sandbox,
        Outcome.CRASHED,
        f"ended with exit code {result.exit_code}{note}: {reason}",
        began=began,
        exit_code=result.exit_code,
        version=version,
    )
