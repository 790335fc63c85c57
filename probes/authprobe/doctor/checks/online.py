"""Checks for `--online`: one request to each documented host, without the user's credentials.

Every token in these requests is random. No credential of the user is sent, not even the password of
a proxy.
"""

import contextlib
import datetime
import email.utils
import secrets
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import authprobe
from authprobe.doctor.checks.network import CA_FILE_VARIABLES, HTTP_SCHEMES, add_authorities
from authprobe.doctor.inventory.addresses import (
    PROXY_VARIABLES,
    Address,
    parse_address,
    proxy_variable,
)
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.safe_read import read_text_file
from authprobe.doctor.result import CheckResult, error, info, ok, warning

if TYPE_CHECKING:
    import httpx

ONLINE_TIMEOUT: Final = 10.0
"""Seconds for all requests together, which run concurrently."""
MAX_RESPONSE_BYTES: Final = 64_000
CLOCK_TOLERANCE: Final = datetime.timedelta(minutes=2)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineAnswer:
    """The response of a host, or the cause of its absence."""

    status: int = 0
    is_json: bool = False
    date: str = ""
    """The `Date` header."""
    received_at: datetime.datetime | None = None
    cause: str | None = None
    """Id of the cause if there is no response."""


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
        proxy = proxy_for(requests[0].host, inventory)
        if proxy and proxy.with_password:
            text = "The requests were sent without the password of the proxy."
            yield info("proxy-password-kept", text, str(proxy))


def _send_all(
    inventory: Inventory, requests: tuple[OnlineRequest, ...], timeout: float
) -> Mapping[str, OnlineAnswer]:
    """Send the requests concurrently; a host without a response in time gets `no-answer`."""
    answers: dict[str, OnlineAnswer] = {}

    def send(request: OnlineRequest) -> None:
        answers[request.host] = _send(inventory, request, timeout)

    workers = [threading.Thread(target=send, args=(request,), daemon=True) for request in requests]
    deadline = time.monotonic() + timeout
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(deadline - time.monotonic(), 0))
    late = OnlineAnswer(cause="no-answer")
    return {request.host: answers.get(request.host, late) for request in requests}


def proxy_for(host: str, inventory: Inventory) -> Address | None:
    """Return the proxy for a host, or None for a direct connection.

    Raises:
        ValueError: the proxy variable is not a valid proxy; a direct connection could then
            circumvent the user's proxy.
    """
    no_proxy = inventory.value("no_proxy") or inventory.value("NO_PROXY")
    if no_proxy and urllib.request.proxy_bypass_environment(host, {"no": no_proxy}):  # type: ignore[attr-defined]
        return None
    values = {name: inventory.value(name) for name in PROXY_VARIABLES}
    name = proxy_variable(values)
    if name is None:
        return None
    proxy = parse_address(values[name])
    if proxy is None or proxy.scheme not in HTTP_SCHEMES:
        raise ValueError(f"{name} is not an http:// or https:// URL")
    return proxy


def _send(inventory: Inventory, request: OnlineRequest, timeout: float) -> OnlineAnswer:
    import httpx

    try:
        proxy = proxy_for(request.host, inventory)
    except ValueError:
        return OnlineAnswer(cause="proxy-unreachable")
    headers = {"user-agent": f"authprobe/{authprobe.__version__}", **request.headers}
    url = f"https://{request.host}{request.path}"
    try:
        with (
            # Without `trust_env`: the inventory also has settings, and no password of a proxy.
            httpx.Client(
                trust_env=False,
                proxy=str(proxy) if proxy else None,
                verify=_tls_context(inventory),
                timeout=timeout,
                follow_redirects=False,
            ) as client,
            client.stream(request.method, url, headers=headers, json=request.body) as response,
        ):
            return _read_answer(response)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return OnlineAnswer(cause=_classify(error))


def _read_answer(response: "httpx.Response") -> OnlineAnswer:
    received_at = datetime.datetime.now(datetime.UTC)
    size, start = 0, b""
    for chunk in response.iter_bytes():
        start, size = start + chunk[: MAX_RESPONSE_BYTES - size], size + len(chunk)
        if size >= MAX_RESPONSE_BYTES:
            break
    return OnlineAnswer(
        status=response.status_code,
        is_json=start.lstrip().startswith(b"{"),
        date=response.headers.get("date", ""),
        received_at=received_at,
    )


def _tls_context(inventory: Inventory) -> ssl.SSLContext:
    """Return a context that trusts the same certificate authorities as Claude Code.

    `ssl.create_default_context` would write session keys to a file if SSLKEYLOGFILE is set.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    for name in CA_FILE_VARIABLES:
        if path := inventory.value(name).strip():
            add_authorities(context, read_text_file(inventory.machine.folder / path).text)
    return context


def _classify(failure: BaseException) -> str:
    """Return the id of the cause of a failed request."""
    import httpx

    chain: BaseException | None = failure
    while chain is not None:
        match chain:
            case ssl.SSLCertVerificationError():
                return "tls-untrusted-ca"
            case socket.gaierror():
                return "dns-failure"
        chain = chain.__cause__ or chain.__context__
    if "CERTIFICATE_VERIFY_FAILED" in str(failure):
        return "tls-untrusted-ca"
    if isinstance(failure, httpx.ProxyError | httpx.ConnectError):
        return "proxy-unreachable"
    return "no-answer"


def check_answer(request: OnlineRequest, answer: OnlineAnswer) -> CheckResult:
    """Return the result for the response of one host."""
    status, host = answer.status, request.host
    if answer.cause:
        return error("host-unreachable", f"{host} does not respond.", host, cause=answer.cause)
    if status == 404:
        return error(
            "host-retired",
            f"{host} has nothing at {request.path}: the endpoint is retired, or another host "
            "answers.",
            host,
            cause="endpoint-retired",
            remedy="Look up the endpoint in the current documentation, and update your clients.",
        )
    if status in request.refusals and (request.is_page or answer.is_json):
        text = f"{host} answers, and refuses a made-up token ({status})."
        return ok("host-answers", text, host)
    if request.is_page and status < 400:
        return ok("host-answers", f"{host} answers ({status}).", host)
    return warning(
        "host-unexpected",
        f"{host} answers with status {status} instead of refusing a made-up token.",
        host,
        cause=_unexpected_cause(request, answer),
    )


def _unexpected_cause(request: OnlineRequest, answer: OnlineAnswer) -> str:
    match answer.status:
        case 429:
            is_token_endpoint = request.path.endswith("/token")
            return "token-endpoint-throttled" if is_token_endpoint else "rate-limited"
        case 503 | 529:
            return "overloaded"
        case status if status >= 500:
            return "server-incident"
        case 403 if answer.is_json:
            return "region-refused"
        case _:
            return "edge-blocked"


def _check_clock(answers: Mapping[str, OnlineAnswer]) -> Iterator[CheckResult]:
    """Compare the clock of this machine with the first `Date` header."""
    for host, answer in answers.items():
        try:
            host_time = email.utils.parsedate_to_datetime(answer.date)
        except ValueError:
            continue
        if answer.received_at is None:
            continue
        if host_time.tzinfo is None:
            host_time = host_time.replace(tzinfo=datetime.UTC)
        offset = answer.received_at - host_time
        if abs(offset) > CLOCK_TOLERANCE:
            direction = "ahead of" if offset > datetime.timedelta() else "behind"
            minutes = abs(offset).total_seconds() / 60
            yield error(
                "clock-wrong",
                f"The clock of this machine is {minutes:.0f} minutes {direction} that of {host}.",
                host,
                cause="clock-skew",
            )
        else:
            yield ok("clock", f"The clock of this machine agrees with that of {host}.")
        return
