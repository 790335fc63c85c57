"""The claude-max-api-proxy client: an OpenAI-style server that runs `claude`."""

import dataclasses
import http.client
import json
import time
from typing import Final

from authprobe.clients.base import Sandbox, find_program
from authprobe.clients.defined.loopback_http import LoopbackRequest, send
from authprobe.clients.observe import (
    ClientReport,
    incomplete_observation,
    last_error_line,
    last_inference,
    observe,
    verified_version,
)
from authprobe.clients.process.child import Child
from authprobe.clients.process.children import Container
from authprobe.clients.raw_http import USER_AGENT, read_error
from authprobe.errors import ClientError
from authprobe.observation.model import Exchange, Observation, Outcome

READY_MARKER: Final = "Server ready"
EXIT_TIMEOUT: Final = 2.0
"""Seconds that a proxy without a response has to print the reason and exit."""
LOG_READ_TIMEOUT: Final = 0.05
"""Seconds to read the proxy's log after its response."""
CHAT_COMPLETION_BODY: Final = {
    "model": "claude-sonnet-4",
    "messages": [{"role": "user", "content": "ping"}],
}


def probe(sandbox: Sandbox) -> Observation:
    """Start the server with its `claude`, send one chat completion, and stop the server.

    Raises:
        ClientError: the case names no claude-code version, or Node.js is missing.
    """
    through = sandbox.case.client.through
    if through is None:
        raise ClientError("claude-max-api-proxy needs a claude-code to run; name one in `through`")
    proxy, claude = sandbox.installed_client(sandbox.case.client), sandbox.installed_client(through)
    node = find_program("node")
    environment = sandbox.environment({"node": node, "claude": claude.program})
    began = time.monotonic()
    port = sandbox.container.free_port()
    with sandbox.start(
        [node, proxy.program, str(port)], env=environment, cwd=sandbox.make_work_folder()
    ) as server:
        if server.read_line_with(READY_MARKER, sandbox.case.limit) is None:
            return _not_ready(sandbox, server, began=began)
        report, error = _ask(
            sandbox.container, port, limit=sandbox.case.limit - (time.monotonic() - began)
        )
        # Record the log, which is searched for leaked tokens.
        server.read_until(lambda: False, LOG_READ_TIMEOUT)
        result = None if report else server.wait(EXIT_TIMEOUT)
    cli = verified_version(sandbox.exchanges, through.spec.products, claude.version)
    version = f"{proxy.version}+claude-code@{cli}"
    if report is None:
        timed_out = isinstance(error, TimeoutError)
        return incomplete_observation(
            sandbox,
            Outcome.TIMED_OUT if timed_out else Outcome.CRASHED,
            f"the proxy gave no answer: {last_error_line(result.stderr) if result else error}",
            began=began,
            version=version,
        )
    return _observe_report(sandbox, report, began=began, version=version)


def _observe_report(
    sandbox: Sandbox, report: ClientReport, *, began: float, version: str
) -> Observation:
    """Return the observation of the proxy's report, as an error if it hides a refusal."""
    if not hides_refusal(report, last_inference(sandbox.exchanges)):
        return observe(sandbox, report, began=began, exit_code=None, version=version)
    report = dataclasses.replace(report, is_error=True)
    observation = observe(sandbox, report, began=began, exit_code=None, version=version)
    detail = "the proxy told its user that it was accepted"
    return dataclasses.replace(observation, detail=detail)


def hides_refusal(report: ClientReport, last: Exchange | None) -> bool:
    """Return True if the proxy reports success although the backend refused the last request."""
    return not report.is_error and last is not None and (last.status or 0) >= 400


def _ask(
    container: Container, port: int, *, limit: float
) -> tuple[ClientReport | None, OSError | http.client.HTTPException | None]:
    request = LoopbackRequest(
        path="/v1/chat/completions",
        body=CHAT_COMPLETION_BODY,
        headers={"user-agent": USER_AGENT},
    )
    try:
        status, body = send(container, port, request, limit=limit)
    except (OSError, http.client.HTTPException) as error:
        return None, error
    return read_report(status, body), None


def read_report(status: int, body: bytes) -> ClientReport:
    """Return the proxy's response as a report.

    The proxy may claim success: `probe` compares the report with the backend's exchanges.
    """
    if status >= 400:
        return ClientReport(is_error=True, message=read_error(body)[1])
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ClientReport(is_error=True, message=body.decode("utf-8", "replace"))
    return ClientReport(is_error=False, message=None if content is None else str(content))


def _not_ready(sandbox: Sandbox, server: Child, *, began: float) -> Observation:
    if time.monotonic() - began >= sandbox.case.limit:
        return incomplete_observation(
            sandbox, Outcome.TIMED_OUT, "the proxy did not start", began=began
        )
    reason = last_error_line(server.stderr)
    return incomplete_observation(
        sandbox, Outcome.CRASHED, f"the proxy did not start: {reason}", began=began
    )
