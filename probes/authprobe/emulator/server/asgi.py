"""The HTTP application behind every emulated host: applies the rules and records the exchanges."""

import asyncio
import datetime
import email.utils
import functools
import io
import ipaddress
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authprobe.emulator import faults
from authprobe.emulator.case_backend import CaseBackend, Decision, ExchangeRecord, SentForm
from authprobe.emulator.rules.base import Answer, RequestContext
from authprobe.emulator.rules.denial import DENY_HOST
from authprobe.emulator.rules.routes import API, HOSTS, PLATFORM, ROUTES

BODY_LIMIT_BYTES: Final = 32 * 1024 * 1024
"""The documented request size limit (platform.claude.com/docs/en/api/errors)."""
LARGE_BODY_BYTES: Final = 512 * 1024
"""Size above which a body is received only when a slot for large bodies is free."""
BODY_TIMEOUT: Final = 60.0
"""Seconds in which a body must arrive, without the time that it waits for a slot."""
HUGE_CHUNK: Final = b"x" * 64 * 1024
HUGE_CHUNKS: Final = 1024

HOST_OF_PATH: Final = {
    path: host
    for preferred in (*reversed(HOSTS), API, PLATFORM)
    for _, host, path in ROUTES
    if host == preferred
}
"""Emulated host by path, for clients that use a loopback address as their base URL."""

OVERLOADED_EVENT: Final = (
    "error",
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
)
"""As documented: platform.claude.com/docs/en/build-with-claude/streaming, "Error events"."""
EVENTS_BEFORE_CUT: Final = 3
"""Number of events sent before a stream is cut: up to the first word."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Application:
    """The ASGI application of one case."""

    backend: CaseBackend
    large_body_slots: tuple[asyncio.Semaphore, ...] = ()
    """Slots for large bodies, of the case and of all cases."""
    body_timeout: float = BODY_TIMEOUT

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        backend = self.backend
        decided = await self._decide(scope, receive)
        if decided is None:
            scope["state"]["reset"]()
            await _wait_for_disconnect(receive)
            return
        record, decision = decided
        if wait := decision.delay + _duration(decision, faults.DELAY):
            await pause(backend, wait)
        if backend.closed.is_set():
            await _wait_for_disconnect(receive)
            return
        cut = _has_fault(decision, faults.RESET)
        reply = _Reply(backend, decision, send, scope["state"]["reset"])
        backend.end(record, decision, answered=not cut, sent_form=reply.form())
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
            record = backend.begin(request)
            decision = _apply_faults(backend.answer(request))
            if decision.rule == DENY_HOST:
                backend.record_refused_host(request.host)
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


async def pause(backend: CaseBackend, seconds: float) -> None:
    """Sleep for this many seconds, or until the case ends."""
    try:
        await asyncio.wait_for(backend.closed.wait(), seconds)
    except TimeoutError:
        return


def make_request(scope: Message, body: _Body, backend: CaseBackend) -> RequestContext:
    """Return the request, with at most the allowed part of its body."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers[name.decode("latin-1")] = value.decode("latin-1")
    host = host_of(headers.get("host", ""))
    local = is_loopback(host)
    return RequestContext(
        method=scope["method"],
        host=HOST_OF_PATH.get(scope["path"], API) if local else host,
        path=scope["path"],
        headers=headers,
        body=body.content.getvalue(),  # without a copy, as nothing is written afterwards
        query=scope["query_string"].decode("latin-1"),
        requested_host=host if local else "",
        too_large=body.size_bytes > BODY_LIMIT_BYTES,
        state=backend.state,
    )


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


def _has_fault(decision: Decision, name: str) -> bool:
    return any(fault.name == name for fault in decision.faults)


def _duration(decision: Decision, name: str) -> float:
    return sum(faults.duration(fault) for fault in decision.faults if fault.name == name)


def _apply_faults(decision: Decision) -> Decision:
    """Return the decision with its answer altered by the faults."""
    answer = decision.answer
    for fault in decision.faults:
        match fault.name:
            case faults.EMPTY_200 | faults.HUGE_BODY:
                answer = Answer(status=200)
            case faults.CUT_STREAM:
                answer = replace(answer, events=answer.events[:EVENTS_BEFORE_CUT])
            case faults.ERROR_IN_STREAM if answer.events:
                events = (*answer.events[:EVENTS_BEFORE_CUT], OVERLOADED_EVENT)
                answer = replace(answer, events=events)
    return decision if answer is decision.answer else decision._replace(answer=answer)


@dataclass(slots=True)
class _Reply:
    """An answer that is being sent, with its faults."""

    backend: CaseBackend
    decision: Decision
    send: Send
    reset: Callable[[], None]
    request_id: str = field(default_factory=lambda: "req_" + uuid.uuid4().hex[:24])
    _parts: tuple[str | None, Iterable[bytes], int | None] = field(init=False)

    def __post_init__(self) -> None:
        self._parts = self._body(self.decision.answer, self.request_id)

    def form(self) -> SentForm:
        """Return the form in which the answer is sent, faults included."""
        answer = self.decision.answer
        kind, _, length = self._parts
        wrong = _has_fault(self.decision, faults.WRONG_CONTENT_TYPE)
        cut = _has_fault(self.decision, faults.CUT_STREAM) and bool(answer.events)
        last = answer.events[-1] if answer.events else None
        return SentForm(
            content_type="text/html" if kind and wrong else kind,
            size_bytes=length,
            complete=not cut and not _has_fault(self.decision, faults.RESET_IN_BODY),
            clock_offset=_duration(self.decision, faults.CLOCK_SKEW),
            error_type=last[1]["error"]["type"] if last and last[0] == "error" else None,
        )

    async def send_all(self) -> None:
        """Send status, headers and body."""
        answer = self.decision.answer
        kind, chunks, length = self._parts
        headers = self._headers(answer, self.request_id, kind, length)
        await self.send(
            {"type": "http.response.start", "status": answer.status, "headers": headers}
        )
        if _has_fault(self.decision, faults.DRIP_FEED):
            chunks = _bytes(chunks)
        gap = _duration(self.decision, faults.DRIP_FEED)
        until = length // 2 if length is not None else 1
        breaks = _has_fault(self.decision, faults.RESET_IN_BODY)
        sent_bytes = 0
        for chunk in chunks:
            part = chunk[: max(until - sent_bytes, 0)] if breaks else chunk
            await self._body_part(part)
            sent_bytes += len(part)
            if breaks and sent_bytes >= until:
                await asyncio.sleep(0.05)  # otherwise the reset may overtake the bytes sent
                self.reset()
                return
            if gap:
                await pause(self.backend, gap)
                if self.backend.closed.is_set():
                    return
        await self.send({"type": "http.response.body", "body": b""})

    async def _body_part(self, part: bytes) -> None:
        await self.send({"type": "http.response.body", "body": part, "more_body": True})

    def _body(
        self, answer: Answer, request_id: str
    ) -> tuple[str | None, Iterable[bytes], int | None]:
        """Return the content type, the chunks, and the length where it is known in advance."""
        if _has_fault(self.decision, faults.HUGE_BODY):
            head, tail = b'{"padding": "', b'"}'
            length = len(head) + HUGE_CHUNKS * len(HUGE_CHUNK) + len(tail)
            return "application/json", (head, *[HUGE_CHUNK] * HUGE_CHUNKS, tail), length
        if answer.events:
            return "text/event-stream; charset=utf-8", _events(answer), None
        if answer.body is None:
            return None, (), 0
        if isinstance(answer.body, str):
            kind, text = "text/html; charset=utf-8", answer.body
        else:
            kind, text = "application/json", json.dumps(_with_id(answer.body, request_id))
        data = text.encode()
        return kind, (data,), len(data)

    def _headers(
        self, answer: Answer, request_id: str, kind: str | None, length: int | None
    ) -> list[tuple[bytes, bytes]]:
        now = self.backend.state.clock.wall
        if skew := _duration(self.decision, faults.CLOCK_SKEW):
            now += datetime.timedelta(seconds=skew)
        headers = {"date": email.utils.format_datetime(now, usegmt=True)}
        if kind:
            wrong = _has_fault(self.decision, faults.WRONG_CONTENT_TYPE)
            headers["content-type"] = "text/html" if wrong else kind
        if length is not None:
            headers["content-length"] = str(length)
        if answer.identified:
            headers["request-id"] = request_id
        headers |= answer.headers
        return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def _with_id(body: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
    return {**body, "request_id": request_id} if body.get("request_id") == "" else body


def _events(answer: Answer) -> Iterator[bytes]:
    for name, data in answer.events:
        yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _bytes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for position in range(len(chunk)):
            yield chunk[position : position + 1]
