"""Checks for `--online`: one request to each documented host, without the user's credentials.

Every token in these requests is random. No credential of the user is sent, not even the password of
a proxy.
"""

import contextlib
import datetime
import functools
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, error, info, ok, warning
from authprobe.service.answer import Envelope, NotAsked, ServiceAnswer
from authprobe.service.asker import Asker
from authprobe.service.budget import Budget
from authprobe.service.outbound import OUTBOUND_VARIABLES, Proxies, read_authorities
from authprobe.service.question import ServiceQuestion

ONLINE_TIMEOUT: Final = 10.0
"""Seconds for all requests together, which run concurrently."""
CLOCK_TOLERANCE: Final = datetime.timedelta(minutes=2)
JSON_ENVELOPES: Final = frozenset({Envelope.API, Envelope.FLAT, Envelope.OAUTH})
CAUSES: Final[Mapping[NotAsked, str]] = {
    NotAsked.NAME: "dns-failure",
    NotAsked.TLS: "tls-untrusted-ca",
    NotAsked.PROXY: "proxy-unreachable",
}
"""Causes of an absent response; most others are `no-answer`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRequest:
    """A request that needs no credential, and the responses expected to it."""

    host: str
    method: str = "GET"
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    refusals: frozenset[int]
    """Statuses with which a working service refuses the request."""
    is_page: bool = False
    """True for a web page: it may also succeed or redirect, and need not be JSON."""


def online_requests() -> tuple[OnlineRequest, ...]:
    """Return one request for each host, with newly made-up tokens."""
    return (
        OnlineRequest(
            host="api.anthropic.com",
            path="/v1/models",
            headers={"x-api-key": _random_token("api03"), "anthropic-version": "2023-06-01"},
            refusals=frozenset({401}),
        ),
        OnlineRequest(
            host="platform.claude.com",
            method="POST",
            path="/v1/oauth/token",
            # Without `client_id`, because authprobe has none and uses no other client's.
            body={"grant_type": "refresh_token", "refresh_token": _random_token("ort01")},
            refusals=frozenset({400, 401}),
        ),
        OnlineRequest(
            host="claude.ai",
            path="/oauth/authorize",
            refusals=frozenset({400, 403}),
            is_page=True,
        ),
        OnlineRequest(
            host="claude.com",
            path="/cai/oauth/authorize",
            refusals=frozenset({400, 403}),
            is_page=True,
        ),
    )


def _random_token(kind: str) -> str:
    return f"sk-ant-{kind}-{secrets.token_urlsafe(70)}"


def check_online(
    inventory: Inventory, log: Callable[[str], None], timeout: float = ONLINE_TIMEOUT
) -> Iterator[CheckResult]:
    """Report the response of each host and the difference of the clocks."""
    requests = online_requests()
    hosts = ", ".join(request.host for request in requests)
    log(f"sending one request each to {hosts}; timeout {timeout:.0f} s")
    answers = _send_all(inventory, requests, timeout)
    for request in requests:
        yield check_answer(request, answers[request.host])
    yield from _check_clock(answers)
    with contextlib.suppress(ValueError):
        variables = {name: inventory.value(name) for name in OUTBOUND_VARIABLES}
        proxy = Proxies(variables=variables).address(requests[0].host)
        if proxy and proxy.with_password:
            text = "The requests were sent without the password of the proxy."
            yield info("proxy-password-kept", text, str(proxy))


def _send_all(
    inventory: Inventory, requests: tuple[OnlineRequest, ...], timeout: float
) -> Mapping[str, ServiceAnswer]:
    """Send the requests concurrently; a host without a response in time gets `no-answer`."""
    answers: dict[str, ServiceAnswer] = {}
    variables = {name: inventory.value(name) for name in OUTBOUND_VARIABLES}
    asker = functools.partial(
        Asker,
        proxies=Proxies(variables=variables),
        authorities=read_authorities(variables, inventory.machine.folder),
        timeout=timeout,
    )

    def send(request: OnlineRequest) -> None:
        # An asker of its own for each host, as one sends its requests one after the other.
        answers[request.host] = asker(hosts={request.host}, budget=Budget(1)).ask(
            ServiceQuestion(
                method=request.method,
                host=request.host,
                path=request.path,
                headers=request.headers,
                body=request.body,
            )
        )

    workers = [threading.Thread(target=send, args=(request,), daemon=True) for request in requests]
    deadline = time.monotonic() + timeout
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(deadline - time.monotonic(), 0))
    late = ServiceAnswer(not_asked=NotAsked.TIMEOUT)
    return {request.host: answers.get(request.host, late) for request in requests}


def check_answer(request: OnlineRequest, answer: ServiceAnswer) -> CheckResult:
    """Return the result for the response of one host."""
    status, host = answer.status, request.host
    if status is None:
        return error(
            "host-unreachable", f"{host} does not respond.", host, cause=_absence_cause(answer)
        )
    if status == 404:
        return error(
            "host-retired",
            f"{host} has nothing at {request.path}: the endpoint is retired, or another host "
            "answers.",
            host,
            cause="endpoint-retired",
            remedy="Look up the endpoint in the current documentation, and update your clients.",
        )
    if status in request.refusals and (request.is_page or answer.envelope in JSON_ENVELOPES):
        text = f"{host} answers, and refuses {_sent(request)} ({status})."
        return ok("host-answers", text, host)
    if request.is_page and 200 <= status < 400:
        return ok("host-answers", f"{host} answers ({status}).", host)
    return warning(
        "host-unexpected",
        f"{host} answers with status {status} instead of refusing {_sent(request)}.",
        host,
        cause=_unexpected_cause(request, answer),
    )


def _sent(request: OnlineRequest) -> str:
    """Return in words what a working service refuses."""
    return "a request without parameters" if request.is_page else "a made-up token"


def _absence_cause(answer: ServiceAnswer) -> str:
    """Return the cause of an absent response."""
    if answer.not_asked is NotAsked.CONNECTION and answer.seconds.connect is None:
        return "proxy-unreachable"  # which is also that of a host that refuses the connection
    return CAUSES.get(answer.not_asked or NotAsked.CONNECTION, "no-answer")


def _unexpected_cause(request: OnlineRequest, answer: ServiceAnswer) -> str:
    match answer.status:
        case 429:
            is_token_endpoint = request.path.endswith("/token")
            return "token-endpoint-throttled" if is_token_endpoint else "rate-limited"
        case 503 | 529:
            return "overloaded"
        case int(status) if status >= 500:
            return "server-incident"
        case 403 if answer.envelope in JSON_ENVELOPES:
            return "region-refused"
        case _:
            return "edge-blocked"


def _check_clock(answers: Mapping[str, ServiceAnswer]) -> Iterator[CheckResult]:
    """Compare the clock of this machine with the `Date` header that is closest to it.

    If any host agrees, then this machine is right, and another host wrong.
    """
    offsets = {
        host: -answer.date_offset
        for host, answer in answers.items()
        if answer.date_offset is not None
    }
    if not offsets:
        return
    host = min(offsets, key=lambda each: abs(offsets[each]))
    offset = datetime.timedelta(seconds=offsets[host])
    if abs(offset) <= CLOCK_TOLERANCE:
        yield ok("clock", f"The clock of this machine agrees with that of {host}.")
        return
    direction = "ahead of" if offset > datetime.timedelta() else "behind"
    minutes = abs(offset).total_seconds() / 60
    yield error(
        "clock-wrong",
        f"The clock of this machine is {minutes:,.0f} minutes {direction} that of {host}.",
        host,
        cause="clock-skew",
    )
