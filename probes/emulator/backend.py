"""The HTTP application behind every emulated name: asks the rules, keeps what was sent."""

import asyncio
import datetime
import difflib
import hashlib
import json
import re
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from probes.emulator.rules import HOSTS, ROUTES, Answer, Ask, refusal
from probes.emulator.tokens import TokenStore
from probes.observation import Exchange
from probes.redact import Redactor
from probes.scenario.model import Backend

PRODUCTS: Final = re.compile(r"\b((?:authprobe|claude-cli|claude-code|agent-sdk)/[0-9][\w.-]*)")
SCHEME: Final = re.compile(r"(?:bearer|basic) +", re.IGNORECASE)
KNOWN: Final = re.compile(rf"(?:{SCHEME.pattern})?\[redacted:[\w-]+\]", re.IGNORECASE)
"""A header's value of which nothing is left to hide."""
BODY_LIMIT_BYTES: Final = 32 * 1024 * 1024
"""The documented request size limit (platform.claude.com/docs/en/api/errors)."""


class CaseBackend:
    """The backend as one case sees it: its tokens, its clock, and a record of what was asked."""

    def __init__(self, setup: Backend, *, broken_rules: frozenset[str] = frozenset()) -> None:
        self.setup = setup
        self.redactor = Redactor()
        self.tokens = TokenStore(self.redactor)
        self.closed = asyncio.Event()
        """Set by the network when the case ends, so that delayed answers do not outlive it."""
        self._broken_rules = broken_rules
        self._began = time.monotonic()
        self._exchanges: list[Exchange] = []
        self._egress_refused: set[str] = set()

    @property
    def now(self) -> datetime.datetime:
        """The backend's clock, in UTC: noon of the day that the scenario sets, or the real time."""
        if self.setup.date is None:
            return datetime.datetime.now(datetime.UTC)
        return datetime.datetime.combine(self.setup.date, datetime.time(12), datetime.UTC)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What was asked so far, in the order in which it arrived."""
        return tuple(self._exchanges)

    @property
    def egress_refused(self) -> tuple[str, ...]:
        """Hosts that are not emulated and were asked for."""
        return tuple(sorted(self._egress_refused))

    def refuse_egress(self, host: str) -> None:
        """Keep the name of a host that was asked for and refused."""
        self._egress_refused.add(self.redactor(host)[:255])

    def answer(self, ask: Ask) -> tuple[str, Answer]:
        """The first rule of the route that answers, and its answer; else a denial."""
        rules = ROUTES.get((ask.method, ask.host, ask.path))
        if rules is None:
            return "deny:route", refusal(404, "not_found_error", "Not found")
        for rule in rules:
            if rule.id in self._broken_rules:
                continue
            answer = rule.reply(ask)
            if answer is not None:
                return rule.id, answer
        return "deny:rule", refusal(
            403,
            "permission_error",
            f"authprobe knows no rule for this request to {ask.path}; "
            f"asked: {', '.join(rule.id for rule in rules)}",
        )

    def begin(self, ask: Ask) -> int:
        """Record a request; returns the number under which `end` completes it."""
        header, slot = self._credential(ask)
        self._exchanges.append(
            Exchange(
                method=ask.method,
                host=self.redactor(ask.host),
                path=self.redactor(ask.path),
                credential_header=header,
                credential=slot,
                betas=tuple(map(self.redactor, ask.betas)),
                at=round(time.monotonic() - self._began, 3),
                headers=self._headers(ask),
                products=tuple(PRODUCTS.findall(self.redactor(ask.headers.get("user-agent", "")))),
            )
        )
        return len(self._exchanges) - 1

    def end(self, number: int, rule_id: str, answer: Answer) -> None:
        """Complete a recorded request with what was answered."""
        exchange = self._exchanges[number]
        elapsed = time.monotonic() - self._began - exchange.at
        self._exchanges[number] = replace(
            exchange,
            status=answer.status,
            elapsed=round(max(elapsed, 0.0), 3),
            rule=rule_id,
            error_type=answer.error_type,
            message=answer.message,
        )

    def _credential(self, ask: Ask) -> tuple[str | None, str | None]:
        """Where a token was, and the slot it belongs to."""
        in_body = ask.path.endswith("/oauth/token") and ask.fields.get("refresh_token")
        for header, value in (
            ("authorization", ask.headers.get("authorization") and (ask.bearer or "")),
            ("x-api-key", ask.api_key),
            ("body", str(in_body) if in_body else None),
        ):
            if value is not None:
                token = self.tokens.find(value)
                return header, token.slot if token else "foreign"
        return None, None

    def _headers(self, ask: Ask) -> dict[str, str]:
        """The headers that concern authentication; who the client says it is only as a hash."""
        kept = {}
        for name in ("anthropic-version", "authorization", "content-type", "x-api-key"):
            if name in ask.headers:
                kept[name] = self._hide_foreign(name, self.redactor(ask.headers[name]))[:200]
        if agent := ask.headers.get("user-agent"):
            kept["user-agent"] = "sha256:" + hashlib.sha256(agent.encode()).hexdigest()[:12]
        return kept

    @staticmethod
    def _hide_foreign(name: str, value: str) -> str:
        # A value that the backend never made has no slot, and may be anybody's secret.
        if name not in ("authorization", "x-api-key") or not value or KNOWN.fullmatch(value):
            return value
        scheme = SCHEME.match(value) if name == "authorization" else None
        return f"{scheme.group() if scheme else ''}[redacted:foreign]"


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


def nearest_route(method: str, host: str, path: str) -> str | None:
    """The known route that is most like this one, as text."""
    known = [" ".join(route) for route in ROUTES]
    near = difflib.get_close_matches(f"{method} {host} {path}", known, n=1)
    return near[0] if near else None
