"""The litellm client: a gateway with its own credential, called by claude-code or raw HTTP."""

import dataclasses
import http.client
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.base import Sandbox, find_program
from authprobe.clients.claude_code.command import Command
from authprobe.clients.claude_code.prompt import JSON_OPTIONS, ask
from authprobe.clients.defined.loopback_http import LoopbackRequest, send
from authprobe.clients.installation.installed_client import InstalledClient
from authprobe.clients.observe import (
    MAX_DETAIL_LENGTH,
    ClientReport,
    incomplete_observation,
    last_error_line,
    observe,
    verified_version,
    without_request_id,
)
from authprobe.clients.process.child import Child
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.clients.raw_http import MESSAGES_BODY, USER_AGENT, read_error
from authprobe.core.client_kinds import Via
from authprobe.observation.model import Observation, Outcome
from authprobe.scenario.clients import Client

READY_MARKER: Final = "Uvicorn running on"
EXIT_TIMEOUT: Final = 2.0
"""Seconds that a gateway that did not start has to print the reason and exit."""
LOG_READ_INTERVAL: Final = 0.05
"""Seconds between two checks for the end of the request, while the gateway's log is read."""
GATEWAY_KEY: Final = "sk-authprobe-made-up-key-of-the-gateway"
"""Made-up key by which the gateway authenticates its user."""
GATEWAY_KEY_HEADER: Final = "x-litellm-api-key"
"""Header for the gateway's key; the standard ones carry the user's credentials."""
CONFIG_FILE: Final = "gateway.json"
CONFIG: Final = {"model_list": [{"model_name": "*", "litellm_params": {"model": "anthropic/*"}}]}
GATEWAY_VARIABLES: Final = (Via.API_KEY_VARIABLE.value, Via.AUTH_TOKEN_VARIABLE.value)
"""Variables with the gateway's own credential; all others belong to its user."""


def probe(sandbox: Sandbox) -> Observation:
    """Start the gateway, send it one question, and stop it."""
    case = sandbox.case
    installed, through = sandbox.installed_client(case.client), case.client.through
    environment = sandbox.environment({"node": find_program("node")} if through else {})
    began = time.monotonic()
    port = sandbox.container.free_port()
    with _start(sandbox, installed, environment, port) as server:
        if server.read_line_with(READY_MARKER, case.limit) is None:
            return _not_ready(sandbox, server, began=began)
        user = GatewayUser(sandbox, environment, port, began)
        observation = _run_while_reading(
            server, lambda: user.run_client(through) if through else user.send_request()
        )
    version = verified_version(sandbox.exchanges, case.client.spec.products, installed.version)
    if through:
        version += f"+claude-code@{observation.client_version}"
    return dataclasses.replace(observation, client_version=version)


def _run_while_reading(server: Child, act: Callable[[], Observation]) -> Observation:
    """Return the result of `act`; meanwhile read the log, as a full pipe blocks the gateway."""
    with ThreadPoolExecutor(1, thread_name_prefix="gateway-user") as pool:
        future = pool.submit(act)
        while not future.done() and not server.has_exited:
            server.read_until(future.done, LOG_READ_INTERVAL)
        server.read_until(lambda: False, LOG_READ_INTERVAL)
        return future.result()


def _start(
    sandbox: Sandbox, installed: InstalledClient, environment: Mapping[str, str], port: int
) -> Child:
    # JSON is valid YAML.
    (sandbox.home_folder / CONFIG_FILE).write_text(json.dumps(CONFIG))
    variables = {
        name: value
        for name, value in environment.items()
        if name in GATEWAY_VARIABLES or not name.startswith(("ANTHROPIC_", "CLAUDE_"))
    }
    gateway_variables = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": GATEWAY_KEY}
    options = ("--config", str(sandbox.home / CONFIG_FILE), "--host", LOOPBACK, "--port", str(port))
    return sandbox.start(
        [installed.program, "-I", Path(__file__).with_name("litellm_driver.py"), *options],
        env={**_without_header_values(variables), **gateway_variables},
        cwd=sandbox.make_work_folder(),
    )


def _without_header_values(environment: Mapping[str, str]) -> dict[str, str]:
    """Remove the credentials that `GatewayUser` sends as headers and that are no variables."""
    return {n: v for n, v in environment.items() if n not in (Via.BEARER, Via.X_API_KEY)}


@dataclass(frozen=True, slots=True)
class GatewayUser:
    """The user of the gateway on `port`: claude-code, or our own request."""

    sandbox: Sandbox
    environment: Mapping[str, str]
    port: int
    began: float

    @property
    def url(self) -> str:
        """URL of the gateway."""
        return f"http://{LOOPBACK}:{self.port}"

    def run_client(self, client: Client) -> Observation:
        """Run claude-code with the gateway as its API, and return the observation."""
        environment = {n: v for n, v in self.environment.items() if n not in GATEWAY_VARIABLES}
        lines = [
            environment.get("ANTHROPIC_CUSTOM_HEADERS"),
            f"{GATEWAY_KEY_HEADER}: Bearer {GATEWAY_KEY}",
        ]
        environment["ANTHROPIC_CUSTOM_HEADERS"] = "\n".join(filter(None, lines))
        environment["ANTHROPIC_BASE_URL"] = self.url
        command = Command(
            self.sandbox, self.sandbox.installed_client(client), environment, self.began
        )
        return ask(command, JSON_OPTIONS)

    def send_request(self) -> Observation:
        """Send our own request to the gateway, and return the observation."""
        remaining = self.sandbox.case.limit - (time.monotonic() - self.began)
        request = LoopbackRequest(
            path="/v1/messages", body={**MESSAGES_BODY, "max_tokens": 1}, headers=self._headers()
        )
        try:
            status, body = send(self.sandbox.container, self.port, request, limit=remaining)
        except (OSError, http.client.HTTPException) as error:
            timed_out = isinstance(error, TimeoutError)
            outcome = Outcome.TIMED_OUT if timed_out else Outcome.CRASHED
            detail = f"the gateway gave no answer: {error}"
            return incomplete_observation(self.sandbox, outcome, detail, began=self.began)
        error_type, message = read_error(body)
        refused = status >= 400
        report = ClientReport(
            is_error=refused,
            message=without_request_id(message) if refused and message else None,
            status=status,
        )
        observation = observe(self.sandbox, report, began=self.began, exit_code=None, version=None)
        if error_type:
            error_type = self.sandbox.redactor.cut(error_type, MAX_DETAIL_LENGTH)
        return dataclasses.replace(observation, error_type=error_type if refused else None)

    def _headers(self) -> dict[str, str]:
        """Return the headers of our own request: the gateway's key, and the case's credentials."""
        headers: dict[str, str | None] = {"anthropic-version": "2023-06-01"}
        if bearer := self.environment.get(Via.BEARER):
            headers["authorization"] = f"Bearer {bearer}"
        headers["x-api-key"] = self.environment.get(Via.X_API_KEY)
        headers |= {name.lower(): value for name, value in self.sandbox.case.headers.items()}
        headers |= {GATEWAY_KEY_HEADER: f"Bearer {GATEWAY_KEY}", "user-agent": USER_AGENT}
        return {name: value for name, value in headers.items() if value is not None}


def _not_ready(sandbox: Sandbox, server: Child, *, began: float) -> Observation:
    if time.monotonic() - began >= sandbox.case.limit:
        return incomplete_observation(
            sandbox, Outcome.TIMED_OUT, "the gateway did not start", began=began
        )
    reason = last_error_line(server.wait(EXIT_TIMEOUT).stdout)
    return incomplete_observation(
        sandbox, Outcome.CRASHED, f"the gateway did not start: {reason}", began=began
    )
