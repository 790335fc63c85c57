"""claude-max-api-proxy: an OpenAI-style server that runs `claude`, asked one question."""

import dataclasses
import http.client
import json
import time
from typing import Final

from authprobe.clients.base import Sandbox, find_program
from authprobe.clients.claude_code import PRODUCTS
from authprobe.clients.observe import (
    ClientReport,
    incomplete_observation,
    last_error_line,
    last_inference,
    observe,
    verified_version,
)
from authprobe.clients.process.child import Child
from authprobe.clients.process.children import Children
from authprobe.clients.proxies.loopback_http import post
from authprobe.clients.raw_http import USER_AGENT, read_error
from authprobe.errors import ClientError
from authprobe.observation.model import Exchange, Observation, Outcome

READY_MARKER: Final = "Server ready"
EXIT_TIMEOUT: Final = 2.0
"""Seconds that a proxy which gave no answer has to say why and end."""
LOG_READ_TIMEOUT: Final = 0.05
"""Seconds in which a proxy that logs nothing is read."""
CHAT_COMPLETION_BODY: Final = {
    "model": "claude-sonnet-4",
    "messages": [{"role": "user", "content": "ping"}],
}


def probe(sandbox: Sandbox) -> Observation:
    """Start the server with its `claude`, send it one chat completion, and end it."""
    through = sandbox.case.client.through
    if through is None:
        raise ClientError("claude-max-api-proxy needs a claude-code to run")
    proxy, claude = sandbox.installed_client(sandbox.case.client), sandbox.installed_client(through)
    node = find_program("node")
    environment = sandbox.environment({"node": node, "claude": claude.program})
    began = time.monotonic()
    children = sandbox.laboratory.children
    port = children.free_port()
    with sandbox.start(
        [node, proxy.program, str(port)], env=environment, cwd=sandbox.make_work_folder()
    ) as server:
        if server.read_line_with(READY_MARKER, sandbox.case.limit) is None:
            return _not_ready(sandbox, server, began=began)
        told, error = _ask(children, port, limit=sandbox.case.limit - (time.monotonic() - began))
        server.read_until(
            lambda: False, LOG_READ_TIMEOUT
        )  # its log, which may hold what is none of it
        ended = None if told else server.wait(EXIT_TIMEOUT)
    cli = verified_version(sandbox.exchanges, PRODUCTS, claude.version)
    version = f"{proxy.version}+claude-code@{cli}"
    if told is None:
        timed_out = isinstance(error, TimeoutError)
        return incomplete_observation(
            sandbox,
            Outcome.TIMED_OUT if timed_out else Outcome.CRASHED,
            f"the proxy gave no answer: {last_error_line(ended.stderr) if ended else error}",
            began=began,
            version=version,
        )
    untrue = hides_refusal(told, last_inference(sandbox.exchanges))
    if untrue:
        told = dataclasses.replace(told, is_error=True)
    seen = observe(sandbox, told, began=began, exit_code=None, version=version)
    if untrue:
        return dataclasses.replace(seen, detail="the proxy told its user that it was accepted")
    return seen


def hides_refusal(told: ClientReport, last: Exchange | None) -> bool:
    """Whether the proxy gave its user an answer although the backend refused the last request."""
    return not told.is_error and last is not None and (last.status or 0) >= 400


def _ask(
    children: Children, port: int, *, limit: float
) -> tuple[ClientReport | None, OSError | http.client.HTTPException | None]:
    path, headers = "/v1/chat/completions", {"user-agent": USER_AGENT}
    try:
        status, body = post(
            children, port, path, CHAT_COMPLETION_BODY, headers=headers, limit=limit
        )
    except (OSError, http.client.HTTPException) as error:
        return None, error
    return read_report(status, body), None


def read_report(status: int, body: bytes) -> ClientReport:
    """What an OpenAI-style client is told.

    A status of 200 is the proxy's own word: `probe` looks at the exchanges for the backend's.
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
    said = last_error_line(server.stderr)
    return incomplete_observation(
        sandbox, Outcome.CRASHED, f"the proxy did not start: {said}", began=began
    )
