"""The HTTP application behind every emulated name: asks the rules, keeps what was sent."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from probes.emulator.case import CaseBackend
from probes.emulator.rule import Answer, Ask
from probes.emulator.rules import HOSTS

BODY_LIMIT_BYTES: Final = 32 * 1024 * 1024
"""The documented request size limit (platform.claude.com/docs/en/api/errors)."""


@dataclass(frozen=True, slots=True)
class Application:
    """The ASGI application of one case."""

    backend: CaseBackend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        backend = self.backend
        try:
            ask = await _read(request, backend)
        except ClientDisconnect:
            return
        number = backend.begin(ask)
        if ask.host and ask.host not in HOSTS:  # a later request on a connection to the proxy
            backend.refuse_egress(ask.host)
        if backend.setup.delay:
            await _pause(backend)
        rule_id, answer = backend.answer(ask)
        if not backend.closed.is_set():
            backend.end(number, rule_id, answer)
        await _response(answer)(scope, receive, send)


async def _pause(backend: CaseBackend) -> None:
    try:
        await asyncio.wait_for(backend.closed.wait(), backend.setup.delay)
    except TimeoutError:
        return


async def _read(request: Request, backend: CaseBackend) -> Ask:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk[: BODY_LIMIT_BYTES - len(body)]
    return Ask(
        method=request.method,
        host=request.headers.get("host", "").rsplit(":", 1)[0].lower(),
        path=request.scope["path"],
        headers={name.lower(): value for name, value in request.headers.items()},
        body=bytes(body),
        tokens=backend.tokens,
        now=backend.now,
        counts_as_claude_code=backend.setup.counts_as_claude_code,
    )


def _response(answer: Answer) -> Response:
    request_id = "req_" + uuid.uuid4().hex[:24]
    headers = {"request-id": request_id} | answer.headers
    if answer.events:
        return StreamingResponse(_events(answer), 200, headers, "text/event-stream")
    body = answer.body
    if body.get("request_id") == "":
        body = body | {"request_id": request_id}
    return Response(json.dumps(body), answer.status, headers, "application/json")


async def _events(answer: Answer) -> AsyncIterator[str]:
    for name, data in answer.events:
        yield f"event: {name}\ndata: {json.dumps(data)}\n\n"
