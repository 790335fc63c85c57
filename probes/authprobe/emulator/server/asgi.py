"""The HTTP application behind every emulated host: applies the rules and records the exchanges."""

import asyncio
import functools
import io
import ipaddress
from dataclasses import dataclass, field
from typing import Final

from authprobe.core.claude_api import BEDROCK
from authprobe.emulator import faults
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.decision import Decision
from authprobe.emulator.exchange_log import ExchangeRecord
from authprobe.emulator.rules.base import RequestContext
from authprobe.emulator.rules.denial import DENY_HOST
from authprobe.emulator.rules.routes import API, HOSTS, PLATFORM, ROUTES
from authprobe.emulator.server.reply import (
    Message,
    Receive,
    Reply,
    Send,
    apply_faults,
    fault_duration,
    has_fault,
    pause,
)

BODY_LIMIT_BYTES: Final = 32 * 1024 * 1024
"""The documented request size limit (platform.claude.com/docs/en/api/errors)."""
LARGE_BODY_BYTES: Final = 512 * 1024
"""Size above which a body is received only when a slot for large bodies is free."""
BODY_TIMEOUT: Final = 60.0
"""Seconds in which a body must arrive, without the time that it waits for a slot."""

HOST_ORDER: Final = (PLATFORM, API, *HOSTS, BEDROCK)
"""Hosts of which the first that serves a path answers at a loopback address."""


@dataclass(frozen=True, slots=True)
class Application:
    """The ASGI application of one case."""

    backend: CaseBackend
    closed: asyncio.Event
    """Set when the case ends."""
    large_body_slots: tuple[asyncio.Semaphore, ...] = ()
    """Slots for large bodies, of the case and of all cases, in the order in which one waits."""
    body_timeout: float = BODY_TIMEOUT

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        decided = await self._decide(scope, receive)
        if decided is None:
            scope["state"]["reset"]()
            await _wait_for_disconnect(receive)
            return
        record, decision = decided
        if wait := decision.delay + fault_duration(decision, faults.DELAY):
            await pause(self.closed, wait)
        if self.closed.is_set():
            await _wait_for_disconnect(receive)
            return
        cut = has_fault(decision, faults.RESET)
        clock = self.backend.state.clock
        reply = Reply(decision, clock, self.closed, send, scope["state"]["reset"])
        self.backend.recorder.end(record, decision, answered=not cut, sent_form=reply.form())
        if cut:
            scope["state"]["reset"]()
            await _wait_for_disconnect(receive)
            return
        await reply.send_all()

    async def _decide(
        self, scope: Message, receive: Receive
    ) -> tuple[ExchangeRecord, Decision] | None:
        """Return the record of a request and the decision; None: it has not arrived completely.

        The body is dropped here, before any delay of the answer.
        """
        backend = self.backend
        body = _Body()
        try:
            if not await self._receive(body, receive):
                return None
            request = make_request(scope, body, backend)
            record = backend.recorder.begin(request)
            decision = apply_faults(backend.answer(request))
            if decision.rule == DENY_HOST:
                backend.recorder.add_refused_host(request.host)
            return record, decision
        finally:
            for slot in body.slots:
                slot.release()

    async def _receive(self, body: "_Body", receive: Receive) -> bool:
        """Receive the body; return False if the client has disconnected or is too slow."""
        try:
            async with asyncio.timeout(self.body_timeout) as limit:
                while not body.is_complete:
                    if not await body.receive_part(receive):
                        return False
                    if body.is_large and not body.slots and self.large_body_slots:
                        limit.reschedule(None)
                        for slot in self.large_body_slots:
                            await slot.acquire()
                            body.slots.append(slot)
                        limit.reschedule(asyncio.get_running_loop().time() + self.body_timeout)
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class _Body:
    """The body of a request while it is received."""

    content: io.BytesIO = field(default_factory=io.BytesIO)
    size_bytes: int = 0
    is_complete: bool = False
    slots: list[asyncio.Semaphore] = field(default_factory=list)
    """Slots for large bodies that it occupies."""

    @property
    def is_large(self) -> bool:
        return self.size_bytes > LARGE_BODY_BYTES

    async def receive_part(self, receive: Receive) -> bool:
        """Receive the next part; return False if the client has disconnected."""
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        part = message.get("body", b"")
        self.content.write(part[: max(BODY_LIMIT_BYTES - self.size_bytes, 0)])
        self.size_bytes += len(part)
        self.is_complete = not message.get("more_body", False)
        return True


async def _wait_for_disconnect(receive: Receive) -> None:
    """Block until a cut connection has closed; otherwise the server reports a missing answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


def make_request(scope: Message, body: _Body, backend: CaseBackend) -> RequestContext:
    """Return the request, with at most the allowed part of its body."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    host = host_of(headers.get("host", ""))
    local = is_loopback(host)
    return RequestContext(
        method=scope["method"],
        host=host_of_path(scope["path"]) if local else host,
        path=scope["path"],
        headers=headers,
        body=body.content.getvalue(),  # without a copy, as nothing is written afterwards
        query=scope["query_string"].decode("latin-1"),
        requested_host=host if local else "",
        scheme=scope["scheme"],
        too_large=body.size_bytes > BODY_LIMIT_BYTES,
        state=backend.state,
    )


@functools.lru_cache(maxsize=256)
def host_of_path(path: str) -> str:
    """Return the emulated host for a client that uses a loopback address as its base URL."""
    hosts = {host for _, host, _ in ROUTES.routes_with(path)}
    return next((host for host in HOST_ORDER if host in hosts), API)


@functools.lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Return True if a host is this machine and no other (RFC 6761, 6.3; RFC 1122, 3.2.1.3)."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(authority: str) -> str:
    """Return the host of `host:port` in lower case (RFC 3986, 3.2)."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.rpartition(":")[0].lower() if ":" in authority else authority.lower()
