"""Servers that are defined as data: start, wait, ask or let another client ask, and end."""

import dataclasses
import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from authprobe.clients.base import Sandbox
from authprobe.clients.defined.driven import (
    driven_client,
    driven_programs,
    full_version,
    joined_version,
)
from authprobe.clients.defined.front import ask_through, front_programs
from authprobe.clients.defined.preparation import Preparation, prepare
from authprobe.clients.defined.readiness import is_ready_within
from authprobe.clients.defined.request import ask, make_request
from authprobe.clients.defined.responses import observe_response
from authprobe.clients.defined.versions import program_version
from authprobe.clients.observe import incomplete_observation, last_error_line
from authprobe.clients.process.child import Child
from authprobe.core.client_kinds import GATEWAY_VARIABLES, Via
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome
from authprobe.scenario.client_definitions import ClientDefinition, FrontRequest, Serve

EXIT_TIMEOUT: Final = 2.0
"""Seconds that a server without an answer has to print the reason and end."""
LOG_READ_INTERVAL: Final = 0.05
"""Seconds between two checks for the end of the request, while the server's log is read."""
API_VARIABLES: Final = ("ANTHROPIC_", "CLAUDE_")
"""Beginnings of the variables that Claude Code and the SDKs read."""
REQUEST_HEADERS: Final = (Via.BEARER, Via.X_API_KEY)
"""Credentials of authprobe's own request, which are no variables."""

T = TypeVar("T")


def probe_server(sandbox: Sandbox) -> Observation:
    """Start the server of the case, let it be asked one question, and end it.

    Raises:
        ClientError: it cannot be tested on this machine.
    """
    preparation = prepare(sandbox, sandbox.case.client, programs=_other_programs(sandbox))
    server = Server(preparation, time.monotonic())
    observation = server.observe()
    version = program_version(preparation)
    if server.is_gateway:
        version = joined_version(sandbox.case.client, version, observation.client_version)
    else:
        version = full_version(sandbox, version)
    return dataclasses.replace(observation, client_version=version)


def _other_programs(sandbox: Sandbox) -> dict[str, Path]:
    through = sandbox.case.client.through
    if through is None or driven_client(sandbox.case.client):
        return driven_programs(sandbox)
    return front_programs(sandbox, through)


@dataclass(frozen=True, slots=True)
class Server:
    """The server of a case."""

    preparation: Preparation
    began: float

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of the case."""
        return self.preparation.sandbox

    @property
    def definition(self) -> ClientDefinition:
        """Definition of the server."""
        return self.preparation.definition

    @property
    def port(self) -> int:
        """Port of the server."""
        return int(self.preparation.values["port"])

    @property
    def remaining(self) -> float:
        """Seconds until the time limit of the case."""
        return max(self.began + self.sandbox.case.limit - time.monotonic(), 0.0)

    @property
    def is_gateway(self) -> bool:
        """True if its users have credentials of their own; else it has all those of the case."""
        return driven_client(self.preparation.client) is None

    def observe(self) -> Observation:
        """Run the server, and return the observation of what its user was told.

        Raises:
            ClientError: it cannot be started, or the client in front of it cannot be tested.
        """
        serve = self.definition.serve
        if serve is None:
            raise ClientError(f"{self.preparation.client} has no server")
        with self.sandbox.start(
            self.preparation.command(serve.run),
            env=self._environment(),
            cwd=self.sandbox.make_work_folder(),
        ) as child:
            if is_ready_within(
                min(serve.within, self.remaining),
                child,
                serve.ready,
                port=self.port,
                children=self.sandbox.container,
            ):
                return self._be_asked(child)
            return self._not_ready(serve, child)

    def _be_asked(self, child: Child) -> Observation:
        through = self.preparation.client.through
        if through is not None and self.is_gateway:
            return _run_while_reading(
                child,
                lambda: ask_through(
                    self.preparation, through, self._user_environment(), began=self.began
                ),
            )
        if self.definition.request is None:
            raise ClientError(f"{self.preparation.client} has no request to its server")
        return self._send(self.definition.request, child)

    def _send(self, request: FrontRequest, child: Child) -> Observation:
        """Send authprobe's own request, and return the observation."""
        message = make_request(
            request,
            prompt=self.definition.prompt,
            defined={name: self.preparation.fill(text) for name, text in request.headers.items()},
            credentials=self.preparation.environment,
            scenario=self.sandbox.case.headers,
        )
        container, limit = self.sandbox.container, self.remaining
        try:
            response = _run_while_reading(
                child, lambda: ask(container, self.port, message, limit=limit)
            )
        except (OSError, http.client.HTTPException) as error:
            return self._no_answer(error, child)
        return observe_response(
            self.preparation,
            response,
            stdout=child.stdout,
            stderr=child.stderr,
            began=self.began,
        )

    def _environment(self) -> dict[str, str]:
        """Return the variables of the server; a gateway has none of its user's credentials."""
        own = {"ANTHROPIC_BASE_URL", *self._own_variables}
        return {
            name: value
            for name, value in self._variables.items()
            if name in own or not (self.is_gateway and name.startswith(API_VARIABLES))
        }

    def _user_environment(self) -> dict[str, str]:
        """Return the variables of the client in front: none of the gateway's own."""
        own = self._own_variables
        return {name: value for name, value in self._variables.items() if name not in own}

    @property
    def _own_variables(self) -> frozenset[str]:
        """Names of the variables that only the gateway has: its own credential among them."""
        usual = () if self.definition.places_key else GATEWAY_VARIABLES
        return frozenset((*self.definition.variables, *usual))

    @property
    def _variables(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.preparation.environment.items()
            if name not in REQUEST_HEADERS
        }

    def _no_answer(self, error: Exception, child: Child) -> Observation:
        timed_out, reason = isinstance(error, TimeoutError), str(error)
        if not timed_out:
            child.read_until(lambda: False, EXIT_TIMEOUT)
            reason = _last_error(child) if child.has_exited else reason
        return incomplete_observation(
            self.sandbox,
            Outcome.TIMED_OUT if timed_out else Outcome.CRASHED,
            f"the {self.definition.surface} gave no answer: {reason}",
            began=self.began,
        )

    def _not_ready(self, serve: Serve, child: Child) -> Observation:
        detail = f"the {self.definition.surface} did not start"
        if child.has_exited:
            detail += f": {_last_error(child)}"
        elif self.remaining > 0:
            detail += f" within {serve.within:g} s: {_last_error(child)}"
        return incomplete_observation(
            self.sandbox,
            Outcome.CRASHED if child.has_exited else Outcome.TIMED_OUT,
            detail,
            began=self.began,
        )


def _last_error(child: Child) -> str:
    return last_error_line(f"{child.stdout}\n{child.stderr}")


def _run_while_reading(server: Child, act: Callable[[], T]) -> T:
    """Return the result of `act`; meanwhile read the log, as a full pipe blocks the server."""
    with ThreadPoolExecutor(1, thread_name_prefix="user-of-server") as pool:
        future = pool.submit(act)
        while not future.done() and not server.has_exited:
            server.read_until(future.done, LOG_READ_INTERVAL)
        # The rest of the log, which is searched for leaked tokens.
        server.read_until(lambda: False, LOG_READ_INTERVAL)
        return future.result()
