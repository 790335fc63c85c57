"""Asker: sends single requests to named hosts, as authprobe, and never twice."""

import functools
import logging
import re
import ssl
import threading
import time
from collections.abc import Collection
from dataclasses import replace
from typing import Final

import httpcore

import authprobe
from authprobe.core.directions import DIRECT, Directions
from authprobe.core.escaping import for_log, one_line
from authprobe.redaction.redactor import Redactor
from authprobe.service.addresses import Address
from authprobe.service.answer import ENDING, NotAsked, ServiceAnswer, Tls
from authprobe.service.budget import Budget
from authprobe.service.outbound import Proxies, add_authorities, tls_context
from authprobe.service.question import ServiceQuestion
from authprobe.service.reading import read_answer
from authprobe.service.wire import ExchangeError, Wire

REQUEST_TIMEOUT: Final = 10.0
"""Seconds of one request, from the look-up of the name to the end of the body."""
PAUSE: Final = 1.0
"""Seconds between two requests to one host."""
MAX_RESPONSE_BYTES: Final = 64 * 1024
MAX_NAME_LENGTH: Final = 80
"""Characters of a name in a certificate."""
ON_THE_WAY: Final = frozenset({NotAsked.CONNECTION, NotAsked.TIMEOUT})
"""Failures that are a proxy's if it has made no tunnel yet."""
QUOTED: Final = re.compile(r":? *(?:bytearray\(b|\bb)['\"]")
"""Start of the bytes that h11 quotes in an error: they may be a header, whose value is not kept."""
USER_AGENT: Final = f"authprobe/{authprobe.__version__}"
DIRECT_WAY: Final = Proxies()

# At the level of debugging, httpcore logs every header of a response.
logging.getLogger("httpcore").setLevel(logging.WARNING)


class Asker:
    """Sends requests, one at a time: https only, no redirect, no retry, no cookie.

    A host that throttles or refuses a request gets no other. Texts of responses are redacted with
    `redactor`, which must have learned the secrets of the requests.
    """

    def __init__(
        self,
        *,
        hosts: Collection[str],
        budget: Budget,
        directions: Directions = DIRECT,
        proxies: Proxies = DIRECT_WAY,
        authorities: tuple[str, ...] = (),
        pause: float = PAUSE,
        timeout: float = REQUEST_TIMEOUT,
        redactor: Redactor | None = None,
    ) -> None:
        self._hosts = frozenset(hosts)
        self._budget = budget
        self._directions = directions
        self._proxies = proxies
        self._authorities = authorities
        self._pause = pause
        self._timeout = timeout
        self._redactor = redactor or Redactor()
        self._ended_hosts: set[str] = set()
        self._last_requests: dict[str, float] = {}
        self._lock = threading.Lock()

    def ask(self, question: ServiceQuestion) -> ServiceAnswer:
        """Return the answer to a request, or why there is none; never raises for a network."""
        return self._ask(question, connect_only=False)

    def end(self, host: str) -> None:
        """Ask a host nothing more: a client that shares it was throttled."""
        with self._lock:
            self._ended_hosts.add(host)

    def has_ended(self, host: str) -> bool:
        """Return True if a host is asked nothing more."""
        with self._lock:
            return host in self._ended_hosts

    def connect(self, host: str) -> ServiceAnswer:
        """Return the facts of a TLS connection to a host, over which no request is sent.

        It is no request of the budget.
        """
        return self._ask(ServiceQuestion(host=host, path="/"), connect_only=True)

    def _ask(self, question: ServiceQuestion, *, connect_only: bool) -> ServiceAnswer:
        with self._lock:
            reason = self._refusal(question, connect_only=connect_only)
            if reason is not None:
                return ServiceAnswer(not_asked=reason)
            self._wait(question.host)
            try:
                answer = self._send(question, connect_only=connect_only)
            finally:
                self._last_requests[question.host] = time.monotonic()
            if answer.not_asked in ENDING:
                self._ended_hosts.add(question.host)
            return answer

    def _refusal(self, question: ServiceQuestion, *, connect_only: bool) -> NotAsked | None:
        """Return the reason why a request is not sent; otherwise take it from the budget."""
        is_safe = question.scheme == "https" or question.is_loopback
        if question.host not in self._hosts or not is_safe:
            return NotAsked.HOST
        if question.host in self._ended_hosts:
            return NotAsked.ENDED
        if not connect_only and not self._budget.take():
            return NotAsked.BUDGET
        return None

    def _wait(self, host: str) -> None:
        """Sleep until a further request to the host is polite."""
        if (last := self._last_requests.get(host)) is not None:
            time.sleep(max(last + self._pause - time.monotonic(), 0))

    def _send(self, question: ServiceQuestion, *, connect_only: bool) -> ServiceAnswer:
        wire = Wire(
            host=question.host,
            deadline=time.monotonic() + self._timeout,
            directions=self._directions,
            connect_only=connect_only,
        )
        try:
            answer = self._exchange(question, wire)
        except ExchangeError as error:
            answer = self._failed(error.reason, str(error))
        except httpcore.ProxyError as error:
            answer = self._failed(NotAsked.PROXY, str(error))
        except (httpcore.TimeoutException, TimeoutError):
            answer = self._failed(NotAsked.TIMEOUT, "no complete response in time")
        except (httpcore.LocalProtocolError, TypeError, ValueError):
            # Not the text of the error, which quotes the header.
            answer = self._failed(NotAsked.CONNECTION, "the request is not valid in HTTP")
        except httpcore.RemoteProtocolError as error:
            answer = self._failed(NotAsked.CONNECTION, QUOTED.split(str(error))[0])
        except (httpcore.NetworkError, OSError) as error:
            answer = self._failed(NotAsked.CONNECTION, str(error))
        finally:
            wire.close()
        if answer.not_asked in ON_THE_WAY and wire.through_proxy and not wire.is_at_host:
            answer = replace(answer, not_asked=NotAsked.PROXY)
        return replace(answer, tls=self._clean_tls(wire.tls), seconds=wire.seconds)

    def _clean_tls(self, tls: Tls | None) -> Tls | None:
        """Return the facts with the words of a certificate cleaned: whoever made it chose them."""
        if tls is None:
            return None
        return replace(tls, issuer=tuple(self._clean(name, MAX_NAME_LENGTH) for name in tls.issuer))

    def _failed(self, reason: NotAsked | None, problem: str) -> ServiceAnswer:
        return ServiceAnswer(not_asked=reason, problem=self._clean(problem, 200) or None)

    def _exchange(self, question: ServiceQuestion, wire: Wire) -> ServiceAnswer:
        """Send the request over a connection of its own and return what is kept.

        Raises:
            ExchangeError, OSError, ValueError: the exchange ended before a response.
        """
        try:
            proxy = None if question.is_loopback else self._proxies.address(question.host)
        except ValueError as error:
            raise ExchangeError(NotAsked.PROXY, str(error)) from None
        wire.through_proxy = proxy is not None
        url = httpcore.URL(
            scheme=question.scheme.encode(),
            host=question.host.encode(),
            port=question.effective_port,
            target=question.path.encode(),
        )
        with (
            self._pool(proxy, wire) as pool,
            pool.stream(
                question.method, url, headers=_headers(question), content=question.content()
            ) as response,
        ):
            wire.seconds = replace(wire.seconds, first_byte=time.monotonic() - wire.ready_at)
            body = _read_body(response)
            return read_answer(response.status, response.headers, body, self._clean)

    def _pool(self, proxy: Address | None, wire: Wire) -> httpcore.ConnectionPool:
        if proxy is None:
            return httpcore.ConnectionPool(ssl_context=self._tls_context, network_backend=wire)
        return httpcore.HTTPProxy(
            str(proxy),
            ssl_context=self._tls_context,
            proxy_ssl_context=self._tls_context if proxy.scheme == "https" else None,
            network_backend=wire,
        )

    @functools.cached_property
    def _tls_context(self) -> ssl.SSLContext:
        """Return a context that trusts the authorities of the system and of the user."""
        context = tls_context()
        for pem in self._authorities:
            add_authorities(context, pem)
        if self._directions.authority is not None:
            context.load_verify_locations(self._directions.authority)
        return context

    def _clean(self, text: str, limit: int) -> str:
        return for_log(one_line(self._redactor(text), limit))


def _headers(question: ServiceQuestion) -> list[tuple[str, str]]:
    """Return the headers; those that say who asks, and how, are never the question's."""
    headers = {name.lower(): value for name, value in question.headers.items()}
    if question.body is not None:
        headers["content-length"] = str(len(question.content()))
        if not isinstance(question.body, str):
            headers["content-type"] = "application/json"
    own = {"host": _host_header(question), "user-agent": USER_AGENT, "connection": "close"}
    return [*(headers | own | {"accept": "*/*", "accept-encoding": "identity"}).items()]


def _host_header(question: ServiceQuestion) -> str:
    host = f"[{question.host}]" if ":" in question.host else question.host
    return host if question.port is None else f"{host}:{question.port}"


def _read_body(response: httpcore.Response) -> bytes:
    """Return the start of the body."""
    body = b""
    for chunk in response.iter_stream():
        body += chunk[: MAX_RESPONSE_BYTES - len(body)]
        if len(body) >= MAX_RESPONSE_BYTES:
            break
    return body
