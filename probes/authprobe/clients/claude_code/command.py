"""One start of the `claude` command, and the observations that every flow of it can end in."""

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from authprobe.clients.base import SYSTEM_PATH, Sandbox, find_program
from authprobe.clients.installation.cache import Installed
from authprobe.clients.observe import (
    MESSAGE_LIMIT,
    incomplete_observation,
    last_words,
    verified_version,
)
from authprobe.clients.process.child import Child, CompletedChild, ExitReason, Stdin
from authprobe.errors import ClientError
from authprobe.observation.model import NOT_THERE, Exchange, Observation, Outcome, status_outcome

PRODUCTS: Final = ("claude-cli", "claude-code")
BROWSERS: Final = ("xdg-open", "open")
NODE: Final = "node"
NODE_LINE: Final = re.compile(rb"#!.*\bnode\b")
LINE_LIMIT_BYTES: Final = 256
HELP_LIMIT: Final = 20.0
LOGIN_PATHS: Final = ("/oauth/authorize", "/oauth/code/callback", "/oauth/token")
"""Ends of the paths by which a login goes."""


@dataclass(slots=True)
class Command:
    """The installed command, ready to be started in the private home of a case."""

    sandbox: Sandbox
    installed: Installed
    environment: Mapping[str, str]
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, sandbox: Sandbox) -> Self:
        """The command of the case; where it wants to open a browser, there is none."""
        installed = sandbox.installed(sandbox.case.client)
        browser = Path(shutil.which("false", path=SYSTEM_PATH) or "/bin/false")
        programs = dict.fromkeys(BROWSERS, browser) | node_for(installed.program)
        return cls(sandbox, installed, sandbox.environment(programs))

    @property
    def left(self) -> float:
        """Seconds until the limit of the case."""
        return max(self.began + self.sandbox.case.limit - time.monotonic(), 0.0)

    @property
    def version(self) -> str:
        """What ran; the case is over."""
        return verified_version(self.sandbox.exchanges, PRODUCTS, self.installed.version)

    def run(self, words: Sequence[str], *, limit: float | None = None) -> CompletedChild:
        """Run it with these arguments, to its end or to the limit of the case."""
        return self.sandbox.run(
            [self.installed.program, *words],
            env=self.environment,
            cwd=self.sandbox.work_folder(),
            limit=self.left if limit is None else min(limit, self.left),
        )

    def start(
        self, words: Sequence[str], stdin: Stdin, variables: Mapping[str, str] | None = None
    ) -> Child:
        """Start it with these arguments."""
        return self.sandbox.start(
            [self.installed.program, *words],
            env={**self.environment, **(variables or {})},
            cwd=self.sandbox.work_folder(),
            stdin=stdin,
        )

    def has(self, words: Sequence[str]) -> bool:
        """Whether it knows this command of its own: an older one takes the words for a question.

        Raises:
            ClientError: it does not tell.
        """
        told = self.run([*words, "--help"], limit=HELP_LIMIT)
        if told.exit_code or "Usage:" not in told.stdout:
            raise ClientError(f"{' '.join(words)} --help: {last_words(told.stderr or told.stdout)}")
        self.began = time.monotonic()
        return f"Usage: claude {' '.join(words)}" in told.stdout

    def unavailable(self, detail: str = NOT_THERE) -> Observation:
        """The observation of a flow that this version does not have, or cannot be asked in."""
        return incomplete_observation(
            self.sandbox,
            Outcome.UNAVAILABLE,
            detail,
            began=self.began,
            version=self.version,
        )

    def done(self, message: str, exit_code: int | None, *, good: bool) -> Observation:
        """The observation of a flow that asks no model and came to its end."""
        told = self.sandbox.redactor.cut(message, MESSAGE_LIMIT)  # first, as it ends the case
        last = last_of_login(self.sandbox.exchanges)
        status = last.status if last else None
        refused = not good and status is not None and status >= 400
        outcome, detail = Outcome.ACCEPTED, None
        if refused and status is not None:
            outcome = status_outcome(status)
        elif not good:
            outcome, detail = Outcome.REJECTED, "refused by the client itself"
        return Observation(
            outcome=outcome,
            status=status,
            error_type=last.error_type if refused and last else None,
            message=told or None,
            exit_code=exit_code,
            elapsed=round(time.monotonic() - self.began, 3),
            detail=detail,
            exchanges=self.sandbox.exchanges,
            egress_refused=self.sandbox.backend.egress_refused,
            client_version=self.version,
        )


def node_for(program: Path) -> dict[str, Path]:
    """Node by its name, where there is one: only the JavaScript packaging cannot do without.

    Raises:
        ClientError: this program is run by Node, and there is none.
    """
    with program.open("rb") as file:
        run_by_node = NODE_LINE.match(file.readline(LINE_LIMIT_BYTES)) is not None
    try:
        return {NODE: find_program(NODE)}
    except ClientError:
        if run_by_node:
            raise
        return {}


def last_of_login(exchanges: tuple[Exchange, ...]) -> Exchange | None:
    """The last request by which a login goes."""
    asked = [exchange for exchange in exchanges if exchange.path.endswith(LOGIN_PATHS)]
    return asked[-1] if asked else None


def ended_early(
    sandbox: Sandbox, finished: CompletedChild, *, began: float, version: str | None
) -> Observation:
    """The observation of a child that hit the limit, or ended without a readable report."""
    if finished.ended is ExitReason.LIMIT:
        asked = len(sandbox.exchanges)
        detail = f"still running after {sandbox.case.limit:g} s, in which it made {asked} requests"
        return incomplete_observation(
            sandbox, Outcome.TIMED_OUT, detail, began=began, version=version
        )
    said = last_words(finished.stderr.strip() or finished.stdout)
    if finished.truncated:
        said += " (its output was too long to be kept whole)"
    return incomplete_observation(
        sandbox,
        Outcome.CRASHED,
        f"ended with exit code {finished.exit_code}: {said}",
        began=began,
        exit_code=finished.exit_code,
        version=version,
    )
