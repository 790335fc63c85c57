"""LiteLLM as a gateway: it has a credential of its own, and is asked by somebody in front of it."""

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
from authprobe.clients.installation.cache import InstalledClient
from authprobe.clients.observe import (
    ClientReport,
    incomplete_observation,
    last_error_line,
    observe,
    verified_version,
    without_request_id,
)
from authprobe.clients.process.child import Child
from authprobe.clients.process.launcher import LOOPBACK
from authprobe.clients.proxies.loopback_http import post
from authprobe.clients.raw_http import MESSAGES_BODY, USER_AGENT, read_error
from authprobe.observation.model import Observation, Outcome
from authprobe.scenario.model import Client, Via

PRODUCTS: Final = ("litellm",)
READY_MARKER: Final = "Uvicorn running on"
EXIT_TIMEOUT: Final = 2.0
"""Seconds that a gateway which did not start has to say why and end."""
LOG_READ_INTERVAL: Final = 0.05
"""Seconds in which a gateway that logs nothing is read."""
GATEWAY_KEY: Final = "sk-authprobe-made-up-key-of-the-gateway"
"""By which the gateway knows whom it serves; it opens nothing else."""
GATEWAY_KEY_HEADER: Final = "x-litellm-api-key"
"""Its own header for it, which leaves the others to the client in front."""
CONFIG: Final = {"model_list": [{"model_name": "*", "litellm_params": {"model": "anthropic/*"}}]}
GATEWAY_VARIABLES: Final = (Via.API_KEY_VARIABLE.value, Via.AUTH_TOKEN_VARIABLE.value)
"""How the gateway's own credential is handed over; every other one belongs to who asks."""


def probe(sandbox: Sandbox) -> Observation:
    """Start the gateway, ask it one question, and end it."""
    case = sandbox.case
    installed, through = sandbox.installed_client(case.client), case.client.through
    environment = sandbox.environment({"node": find_program("node")} if through else {})
    began = time.monotonic()
    port = sandbox.laboratory.children.free_port()
    with _start(sandbox, installed, environment, port) as server:
        if server.read_line_with(READY_MARKER, case.limit) is None:
            return _not_ready(sandbox, server, began=began)
        front = GatewayUser(sandbox, environment, port, began)
        seen = _while_reading(server, lambda: front.ask_as(through) if through else front.ask())
    version = verified_version(sandbox.exchanges, PRODUCTS, installed.version)
    if through:
        version += f"+claude-code@{seen.client_version}"
    return dataclasses.replace(seen, client_version=version)


def _while_reading(server: Child, ask_it: Callable[[], Observation]) -> Observation:
    """What is seen; meanwhile the gateway's log is taken, or it would wait until somebody does."""
    with ThreadPoolExecutor(1, thread_name_prefix="front") as pool:
        asked = pool.submit(ask_it)
        while not asked.done() and not server.has_exited:
            server.read_until(asked.done, LOG_READ_INTERVAL)
        server.read_until(lambda: False, LOG_READ_INTERVAL)
        return asked.result()


def _start(
    sandbox: Sandbox, installed: InstalledClient, environment: Mapping[str, str], port: int
) -> Child:
    config = sandbox.home / "gateway.json"  # which is YAML as well
    config.write_text(json.dumps(CONFIG))
    kept = {
        name: value
        for name, value in environment.items()
        if name in GATEWAY_VARIABLES or not name.startswith(("ANTHROPIC_", "CLAUDE_"))
    }
    own = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": GATEWAY_KEY}
    options = ("--config", config, "--host", LOOPBACK, "--port", str(port))
    return sandbox.start(
        [installed.program, "-I", Path(__file__).with_name("litellm_driver.py"), *options],
        env={**_without_headers(kept), **own},
        cwd=sandbox.make_work_folder(),
    )


def _without_headers(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in environment.items() if n not in (Via.BEARER, Via.X_API_KEY)}


@dataclass(frozen=True, slots=True)
class GatewayUser:
    """Who asks the gateway that listens on a port."""

    sandbox: Sandbox
    environment: Mapping[str, str]
    port: int
    began: float

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://{LOOPBACK}:{self.port}"

    def ask_as(self, client: Client) -> Observation:
        """The command, which takes the gateway for the API."""
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

    def ask(self) -> Observation:
        """Our own request."""
        left = self.sandbox.case.limit - (time.monotonic() - self.began)
        try:
            status, body = post(
                self.sandbox.laboratory.children,
                self.port,
                "/v1/messages",
                {**MESSAGES_BODY, "max_tokens": 1},
                headers=self._headers(),
                limit=left,
            )
        except (OSError, http.client.HTTPException) as error:
            timed_out = isinstance(error, TimeoutError)
            outcome = Outcome.TIMED_OUT if timed_out else Outcome.CRASHED
            detail = f"the gateway gave no answer: {error}"
            return incomplete_observation(self.sandbox, outcome, detail, began=self.began)
        error_type, message = read_error(body)
        refused = status >= 400
        told = ClientReport(
            is_error=refused,
            message=without_request_id(message) if refused and message else None,
            status=status,
        )
        seen = observe(self.sandbox, told, began=self.began, exit_code=None, version=None)
        return dataclasses.replace(seen, error_type=error_type if refused else None)

    def _headers(self) -> dict[str, str]:
        """Those of our own requests, with what the case hands to the gateway."""
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
    said = last_error_line(server.wait(EXIT_TIMEOUT).stdout)
    return incomplete_observation(
        sandbox, Outcome.CRASHED, f"the gateway did not start: {said}", began=began
    )
