"""The sending of an answer, with the faults that alter it."""

import asyncio
import datetime
import email.utils
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authprobe.emulator import faults
from authprobe.emulator.decision import Decision
from authprobe.emulator.exchange_recorder import SentForm
from authprobe.emulator.rules.base import Answer, EventFormat
from authprobe.emulator.server.event_stream import encode_chunk
from authprobe.emulator.state.clock import Clock

HUGE_CHUNK: Final = b"x" * 64 * 1024
HUGE_CHUNKS: Final = 1024

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


async def pause(closed: asyncio.Event, seconds: float) -> None:
    """Sleep for this many seconds, or until the case is closed."""
    try:
        await asyncio.wait_for(closed.wait(), seconds)
    except TimeoutError:
        return


def has_fault(decision: Decision, name: str) -> bool:
    """Return True if a fault with this name happens to the request."""
    return any(fault.name == name for fault in decision.faults)


def fault_duration(decision: Decision, name: str) -> float:
    """Return the seconds of all faults with this name."""
    return sum(faults.duration(fault) for fault in decision.faults if fault.name == name)


def apply_faults(decision: Decision) -> Decision:
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
class Reply:
    """An answer that is being sent, with its faults."""

    decision: Decision
    clock: Clock
    closed: asyncio.Event
    """Set when the case ends."""
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
        wrong = has_fault(self.decision, faults.WRONG_CONTENT_TYPE)
        cut = has_fault(self.decision, faults.CUT_STREAM) and bool(answer.events)
        breaks = has_fault(self.decision, faults.RESET_IN_BODY) and length != 0
        name, data = answer.events[-1] if answer.events else ("", "")
        return SentForm(
            content_type="text/html" if kind and wrong else kind,
            size_bytes=length,
            complete=not cut and not breaks,
            clock_offset=fault_duration(self.decision, faults.CLOCK_SKEW),
            error_type=data["error"]["type"]
            if name == "error" and isinstance(data, Mapping)
            else None,
        )

    async def send_all(self) -> None:
        """Send status, headers and body."""
        answer = self.decision.answer
        kind, chunks, length = self._parts
        headers = self._headers(answer, self.request_id, kind, length)
        await self.send(
            {"type": "http.response.start", "status": answer.status, "headers": headers}
        )
        if has_fault(self.decision, faults.DRIP_FEED):
            chunks = _bytes(chunks)
        gap = fault_duration(self.decision, faults.DRIP_FEED)
        until = length // 2 if length is not None else 1
        breaks = has_fault(self.decision, faults.RESET_IN_BODY)
        sent_bytes = 0
        for chunk in chunks:
            part = chunk[: max(until - sent_bytes, 0)] if breaks else chunk
            await self._body_part(part)
            sent_bytes += len(part)
            if length is None:
                await asyncio.sleep(0)  # so that the loss of the connection is noticed
            if breaks and sent_bytes >= until:
                await asyncio.sleep(0.05)  # otherwise the reset may overtake the bytes sent
                self.reset()
                return
            if gap:
                await pause(self.closed, gap)
                if self.closed.is_set():
                    return
        await self.send({"type": "http.response.body", "body": b""})

    async def _body_part(self, part: bytes) -> None:
        await self.send({"type": "http.response.body", "body": part, "more_body": True})

    def _body(
        self, answer: Answer, request_id: str
    ) -> tuple[str | None, Iterable[bytes], int | None]:
        """Return the content type, the chunks, and the length where it is known in advance."""
        if has_fault(self.decision, faults.HUGE_BODY):
            head, tail = b'{"padding": "', b'"}'
            length = len(head) + HUGE_CHUNKS * len(HUGE_CHUNK) + len(tail)
            return "application/json", (head, *[HUGE_CHUNK] * HUGE_CHUNKS, tail), length
        if answer.events:
            return answer.event_format.value, _events(answer), None
        if answer.body is None:
            return None, (), 0
        if isinstance(answer.body, bytes):
            return answer.content_type, (answer.body,), len(answer.body)
        if isinstance(answer.body, str):
            kind = answer.headers.get("content-type", "text/html; charset=utf-8")
            text = answer.body
        else:
            kind, text = "application/json", json.dumps(_with_id(answer.body, request_id))
        data = text.encode("utf-8", "replace")  # a message may quote half a character
        return kind, (data,), len(data)

    def _headers(
        self, answer: Answer, request_id: str, kind: str | None, length: int | None
    ) -> list[tuple[bytes, bytes]]:
        now = self.clock.wall
        if skew := fault_duration(self.decision, faults.CLOCK_SKEW):
            now += datetime.timedelta(seconds=skew)
        headers = {"date": email.utils.format_datetime(now, usegmt=True)}
        if kind:
            wrong = has_fault(self.decision, faults.WRONG_CONTENT_TYPE)
            headers["content-type"] = "text/html" if wrong else kind
        if length is not None:
            headers["content-length"] = str(length)
        if answer.identified:
            headers["request-id"] = request_id
        headers |= {n: v for n, v in answer.headers.items() if n != "content-type"}
        return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def _with_id(body: Mapping[str, Any], request_id: str) -> Mapping[str, Any]:
    return {**body, "request_id": request_id} if body.get("request_id") == "" else body


def _events(answer: Answer) -> Iterator[bytes]:
    for name, data in answer.events:
        if answer.event_format is EventFormat.AWS:
            yield encode_chunk(name, data)
            continue
        line = f"event: {name}\n" if name else ""
        text = data if isinstance(data, str) else json.dumps(data)
        yield f"{line}data: {text}\n\n".encode()


def _bytes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for position in range(len(chunk)):
            yield chunk[position : position + 1]
