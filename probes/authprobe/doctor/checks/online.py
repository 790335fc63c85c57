"""What the documented hosts say to somebody without a credential: for `--online` only.

Every token here is made up on the spot; none of the user's is ever sent, not even to their proxy.
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
from authprobe.doctor.checks.network import BUNDLES, trust
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

LIMIT: Final = 10.0
LIMIT_BYTES: Final = 64_000
"""Of an answer."""
OFFSET: Final = datetime.timedelta(minutes=2)
"""How wrong a clock may be."""
WEB: Final = ("http", "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRequest:
    """A request that needs no secret."""

    host: str
    method: str = "GET"
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    refusals: frozenset[int]
    """Statuses of a refusal that is as it should be."""
    is_page: bool = False
    """Whether it is for browsers, which are let through where a program is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineAnswer:
    """What was said, or why nothing was."""

    status: int = 0
    is_json: bool = False
    date: str = ""
    at: datetime.datetime | None = None
    cause: str | None = None
    """Why there is no answer."""


def online_requests() -> tuple[OnlineRequest, ...]:
    """A request for each host, with tokens that nobody has."""
    return (
        OnlineRequest(
            host="api.anthropic.com",
            path="/v1/models",
            headers={"x-api-key": _made_up("api03"), "anthropic-version": "2023-06-01"},
            refusals=frozenset({401}),
        ),
        OnlineRequest(
            host="platform.claude.com",
            method="POST",
            path="/v1/oauth/token",
            # Without the field `client_id`: that is a client's own.
            body={"grant_type": "refresh_token", "refresh_token": _made_up("ort01")},
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


def _made_up(kind: str) -> str:
    return f"sk-ant-{kind}-{secrets.token_urlsafe(70)}"


def check_online(
    survey: Inventory, tell: Callable[[str], None], limit: float = LIMIT
) -> Iterator[CheckResult]:
    """What each host answers; all are asked at once, once each."""
    answers: dict[str, OnlineAnswer] = {}

    def ask_one(ask: OnlineRequest) -> None:
        answers[ask.host] = _ask(survey, ask, limit)

    wanted = online_requests()
    workers = [threading.Thread(target=ask_one, args=(ask,), daemon=True) for ask in wanted]
    tell(f"asking {', '.join(ask.host for ask in wanted)}, for {limit:.0f} s at most")
    until = time.monotonic() + limit
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(max(until - time.monotonic(), 0))
    late = OnlineAnswer(cause="no-answer")
    got = {ask.host: answers.get(ask.host, late) for ask in wanted}
    for ask in wanted:
        yield check_answer(ask, got[ask.host])
    yield from _check_clock(got)
    with contextlib.suppress(ValueError):
        proxy = proxy_for(wanted[0].host, survey)
        if proxy and proxy.with_password:
            yield info("proxy-password-kept", "The password of the proxy was not sent.", str(proxy))


def proxy_for(host: str, survey: Inventory) -> Address | None:
    """The proxy by which a host is asked; None: it is asked directly.

    Raises:
        ValueError: what is set is no proxy, and the way past it is not for us to take.
    """
    none = survey.value("no_proxy") or survey.value("NO_PROXY")
    if none and urllib.request.proxy_bypass_environment(host, {"no": none}):  # type: ignore[attr-defined]
        return None
    values = {name: survey.value(name) for name in PROXY_VARIABLES}
    name = proxy_variable(values)
    if name is None:
        return None
    proxy = parse_address(values[name])
    if proxy is None or proxy.scheme not in WEB:
        raise ValueError(f"{name} is no proxy")
    return proxy


def _ask(survey: Inventory, ask: OnlineRequest, limit: float) -> OnlineAnswer:
    import httpx

    try:
        proxy = proxy_for(ask.host, survey)
    except ValueError:
        return OnlineAnswer(cause="proxy-unreachable")
    headers = {"user-agent": f"authprobe/{authprobe.__version__}", **ask.headers}
    try:
        with (
            # The way is that of the survey: settings count for it, passwords of proxies stay here.
            httpx.Client(
                trust_env=False,
                proxy=str(proxy) if proxy else None,
                verify=_context(survey),
                timeout=limit,
                follow_redirects=False,
            ) as client,
            client.stream(
                ask.method, f"https://{ask.host}{ask.path}", headers=headers, json=ask.body
            ) as response,
        ):
            return _answer(response)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as trouble:
        return OnlineAnswer(cause=_cause(trouble))


def _answer(response: "httpx.Response") -> OnlineAnswer:
    at = datetime.datetime.now(datetime.UTC)
    size, start = 0, b""
    for part in response.iter_bytes():
        start, size = start + part[: LIMIT_BYTES - size], size + len(part)
        if size >= LIMIT_BYTES:
            break
    return OnlineAnswer(
        status=response.status_code,
        is_json=start.lstrip().startswith(b"{"),
        date=response.headers.get("date", ""),
        at=at,
    )


def _context(survey: Inventory) -> ssl.SSLContext:
    """Whom Claude Code trusts.

    `ssl.create_default_context` would write the keys to a file if SSLKEYLOGFILE is set.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    for name in BUNDLES:
        if path := survey.value(name).strip():
            trust(context, read_text_file(survey.machine.folder / path).text)
    return context


def _cause(trouble: BaseException) -> str:
    """The id of the cause of no answer."""
    import httpx

    chain: BaseException | None = trouble
    while chain is not None:
        match chain:
            case ssl.SSLCertVerificationError():
                return "tls-untrusted-ca"
            case socket.gaierror():
                return "dns-failure"
        chain = chain.__cause__ or chain.__context__
    if "CERTIFICATE_VERIFY_FAILED" in str(trouble):
        return "tls-untrusted-ca"
    if isinstance(trouble, httpx.ProxyError | httpx.ConnectError):
        return "proxy-unreachable"
    return "no-answer"


def check_answer(ask: OnlineRequest, answer: OnlineAnswer) -> CheckResult:
    """What an answer says of its host."""
    status, host = answer.status, ask.host
    if answer.cause:
        return error("host-unreachable", f"{host} gives no answer.", host, cause=answer.cause)
    if status == 404:
        return error(
            "host-retired",
            f"{host} has nothing at {ask.path}: the endpoint is retired, or another host answers.",
            host,
            cause="endpoint-retired",
            remedy="See what the documentation says of it now, and update what is installed.",
        )
    if status in ask.refusals and (ask.is_page or answer.is_json):
        return ok("host-answers", f"{host} answers, and refuses a made-up token ({status}).", host)
    if ask.is_page and status < 400:
        return ok("host-answers", f"{host} answers ({status}).", host)
    return warning(
        "host-unexpected",
        f"{host} answers {status}, which is no refusal of a made-up token.",
        host,
        cause=_unexpected(ask, answer),
    )


def _unexpected(ask: OnlineRequest, answer: OnlineAnswer) -> str:
    match answer.status:
        case 429:
            at_tokens = ask.path.endswith("/token")
            return "token-endpoint-throttled" if at_tokens else "rate-limited"
        case 503 | 529:
            return "overloaded"
        case status if status >= 500:
            return "server-incident"
        case 403 if answer.is_json:
            return "region-refused"
        case _:
            return "edge-blocked"


def _check_clock(answers: Mapping[str, OnlineAnswer]) -> Iterator[CheckResult]:
    """How far the clock of this machine is from that of the service."""
    for host, answer in answers.items():
        try:
            theirs = email.utils.parsedate_to_datetime(answer.date)
        except ValueError:
            continue
        if answer.at is None:
            continue
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=datetime.UTC)
        offset = answer.at - theirs
        if abs(offset) > OFFSET:
            way = "ahead" if offset > datetime.timedelta() else "behind"
            minutes = abs(offset).total_seconds() / 60
            yield error(
                "clock-wrong",
                f"The clock of this machine is {minutes:.0f} minutes {way} of what {host} says.",
                host,
                cause="clock-skew",
            )
        else:
            yield ok("clock", f"The clock agrees with that of {host}.")
        return
