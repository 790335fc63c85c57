"""The recording of the exchanges of a case, without secrets and with limited lengths."""

import functools
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from authprobe.core.claude_api import WORKSPACE_HEADER, asks_model
from authprobe.core.client_kinds import BUNDLED_PRODUCTS, CLIENTS
from authprobe.emulator.config import Fault
from authprobe.emulator.decision import Decision
from authprobe.emulator.exchange_log import ExchangeLog, ExchangeRecord
from authprobe.emulator.gateway import CREDENTIAL_HEADERS, HOST_NOTHING
from authprobe.emulator.rules.authorize import requested_scopes
from authprobe.emulator.rules.base import Answer, RequestContext
from authprobe.emulator.rules.denial import Denial, deny_host
from authprobe.emulator.state.state import State
from authprobe.emulator.state.tokens import Token
from authprobe.observation.model import FOREIGN, PRESENT, Exchange, RewrittenError

PROXY_REFUSAL_STATUS: Final = 502
MAX_METHOD_LENGTH: Final = 20
MAX_HOST_LENGTH: Final = 255
MAX_PATH_LENGTH: Final = 2000
MAX_USER_AGENT_LENGTH: Final = 2000
MAX_MESSAGE_LENGTH: Final = 2000
MAX_WORD_LENGTH: Final = 200
MAX_HEADER_LENGTH: Final = 200
MAX_WORDS: Final = 100
"""Scopes, beta flags and products that are recorded per request."""
SCHEME: Final = re.compile(r"(?:bearer|basic) +", re.IGNORECASE)
REDACTED_VALUE: Final = re.compile(rf"(?:{SCHEME.pattern})?\[redacted:[\w-]+\]", re.IGNORECASE)
"""A header value that is already redacted."""
HIDDEN_HEADERS: Final = frozenset({WORKSPACE_HEADER, "proxy-authorization", "x-amz-security-token"})
"""Further headers that are recorded without their values."""
SHOWN_HEADERS: Final = ("anthropic-version", "authorization", "content-type", "x-api-key")
"""Headers that are recorded with their values, of which credentials are redacted."""
USUAL_HEADERS: Final = frozenset({*SHOWN_HEADERS, "anthropic-beta", "user-agent"})
"""Headers that are recorded in a way of their own, so that they are no further headers."""


class SentForm(NamedTuple):
    """The form in which an answer was sent on the wire."""

    content_type: str | None = None
    size_bytes: int | None = None
    complete: bool = True
    clock_offset: float = 0.0
    error_type: str | None = None
    """Type of an error that arrives inside a stream."""


class ExchangeRecorder:
    """Recorder of the requests of one case and their answers: in a log, without secrets."""

    def __init__(
        self, state: State, log: ExchangeLog, products: frozenset[str], headers: Iterable[str]
    ) -> None:
        self.state = state
        self.log = log
        self.watch: Callable[[Exchange], None] | None = None
        """Callback for each completed exchange."""
        self._products = products
        self._custom_headers = frozenset(map(str.lower, headers))
        self._start = time.monotonic()

    def add_refused_host(self, host: str) -> None:
        """Record the name of a requested host that was refused, unless the case expects that."""
        if host not in self.state.setup.hosts:
            self.log.add_refused_host(self._cut(host, MAX_HOST_LENGTH))

    def add_refused_connection(
        self, method: str, host: str, faults: tuple[Fault, ...] = ()
    ) -> None:
        """Record that the proxy refused a host: by a fault, because it serves nothing, or because
        it is not emulated.
        """
        rule = HOST_NOTHING if host in self.state.setup.hosts and not faults else None
        denial = None if faults or rule else deny_host(host)
        if denial is not None:
            self.add_refused_host(host)
        self._add_connect(method, host, faults, denial, PROXY_REFUSAL_STATUS, rule)

    def add_lost_connection(self, host: str, faults: tuple[Fault, ...]) -> None:
        """Record that a client did not complete the TLS handshake."""
        self._add_connect("CONNECT", host, faults, None, None)

    def _add_connect(
        self,
        method: str,
        host: str,
        faults: tuple[Fault, ...],
        denial: Denial | None,
        status: int | None,
        rule: str | None = None,
    ) -> None:
        exchange = Exchange(
            method=self._cut(method, MAX_METHOD_LENGTH),
            host=self._cut(host, MAX_HOST_LENGTH),
            path="",
            credential_header=None,
            credential=None,
            status=status,
            at=round(time.monotonic() - self._start, 3),
            rule=denial.id if denial else rule,
            faults=tuple(fault.name for fault in faults),
            nearest=denial.nearest if denial else None,
            differs=denial.differs if denial else (),
        )
        self.log.add(ExchangeRecord(exchange))
        if self.watch is not None:
            self.watch(exchange)

    def begin(self, request: RequestContext) -> ExchangeRecord:
        """Record a request; `end` completes the record."""
        header, slot = self._credential(request)
        agent = self._cut(request.headers.get("user-agent", ""), MAX_USER_AGENT_LENGTH)
        record = ExchangeRecord(
            Exchange(
                method=self._cut(request.method, MAX_METHOD_LENGTH),
                host=self._cut(request.requested_host or request.host, MAX_HOST_LENGTH),
                path=self._cut(request.path, MAX_PATH_LENGTH),
                credential_header=header,
                credential=slot,
                betas=self._cut_words(request.betas),
                at=round(time.monotonic() - self._start, 3),
                headers=self._headers(request),
                body=_digest(request.body) if asks_model(request.path) else None,
                products=tuple(product_pattern(self._products).findall(agent)[:MAX_WORDS]),
                scopes=self._cut_words(requested_scopes(request)),
            )
        )
        self.log.add(record)
        return record

    def _cut(self, text: str, length: int) -> str:
        return self.state.redactor.cut(text, length)

    def _cut_words(self, words: Sequence[str]) -> tuple[str, ...]:
        return tuple(self._cut(word, MAX_WORD_LENGTH) for word in words[:MAX_WORDS])

    def end(
        self,
        record: ExchangeRecord,
        decision: Decision,
        *,
        answered: bool = True,
        sent_form: SentForm | None = None,
    ) -> None:
        """Complete a record with the answer and its form; `answered` is False if none was sent."""
        answer, denial = decision.answer, decision.denial
        sent_form = sent_form if sent_form and answered else SentForm()
        elapsed = time.monotonic() - self._start - record.exchange.at
        record.exchange = replace(
            record.exchange,
            status=answer.status if answered else None,
            elapsed=round(max(elapsed, 0.0), 3),
            rule=decision.rule,
            faults=tuple(fault.name for fault in decision.faults),
            gateway=decision.gateway,
            rewritten=self._rewritten(decision.rewritten),
            nearest=denial.nearest if denial else None,
            differs=denial.differs if denial else (),
            error_type=answer.error_type or sent_form.error_type,
            error_code=answer.error_code,
            message=self._message(answer),
            retry_after=answer.headers.get("retry-after") if answered else None,
            content_type=sent_form.content_type,
            size_bytes=sent_form.size_bytes,
            complete=sent_form.complete,
            clock_offset=sent_form.clock_offset,
        )
        if self.watch is not None:
            self.watch(record.exchange)

    def _rewritten(self, answer: Answer | None) -> RewrittenError | None:
        if answer is None:
            return None
        return RewrittenError(
            status=answer.status,
            error_type=answer.error_type,
            error_code=answer.error_code,
            message=self._message(answer),
        )

    def _message(self, answer: Answer) -> str | None:
        return answer.message and self._cut(answer.message, MAX_MESSAGE_LENGTH)

    def _credential(self, request: RequestContext) -> tuple[str | None, str | None]:
        """Return the header, or `body`, that held a token, and the token's slot."""
        in_body = ""
        if request.path.endswith("/oauth/token"):
            in_body = request.text("refresh_token") or request.text("assertion")
        for header, value in (
            ("authorization", request.headers.get("authorization") and (request.bearer or "")),
            ("x-api-key", request.api_key),
            ("body", in_body or None),
        ):
            if value is not None:
                token = self.state.tokens.find(value)
                return header, token.slot if token else FOREIGN
        for name in self._required_headers(request.host):
            if token := self._token_in(request.headers.get(name, "")):
                return name, token.slot
        return None, None

    def _token_in(self, value: str) -> Token | None:
        """Return the issued token that is the value of a header, with or without a scheme."""
        return self.state.tokens.find(value) or self.state.tokens.find(value.partition(" ")[2])

    def _required_headers(self, host: str) -> tuple[str, ...]:
        """Return the names of the further headers that a gateway of this name requires."""
        own = self.state.setup.own_host(host)
        names = [requirement.header.lower() for requirement in own.requirements] if own else []
        return tuple(name for name in names if name not in USUAL_HEADERS)

    def _headers(self, request: RequestContext) -> dict[str, str]:
        """Return the headers that concern authentication; the User-Agent only as a hash."""
        headers = {}
        for name in SHOWN_HEADERS:
            if name in request.headers:
                value = self.state.redactor(request.headers[name])
                headers[name] = _hide_foreign(name, value)[:MAX_HEADER_LENGTH]
        for name in sorted(self._further_headers(request.host) & request.headers.keys()):
            value = self.state.redactor(request.headers[name])
            headers[name] = value if REDACTED_VALUE.fullmatch(value) else PRESENT
        if agent := request.headers.get("user-agent"):
            headers["user-agent"] = _digest(agent.encode())
        return headers

    def _further_headers(self, host: str) -> frozenset[str]:
        """Return the names of headers that are recorded beside the usual ones, without values."""
        own = self.state.setup.own_host(host)
        stripped = {name.lower() for name in own.strips.headers} if own else set()
        names = {
            *HIDDEN_HEADERS,
            *self._custom_headers,
            *self._required_headers(host),
            *stripped,
        }
        return frozenset(names - USUAL_HEADERS)


@functools.cache
def product_pattern(products: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of a product and its version in a User-Agent: of the clients that are
    driven by code, and of these.
    """
    known = {*BUNDLED_PRODUCTS, *(name for spec in CLIENTS.values() for name in spec.products)}
    return re.compile(
        "|".join(
            # The API's SDKs are named `Anthropic/Python 1.2.3`, the others `claude-cli/1.2.3`.
            rf"\b{re.escape(product)}{' ' if '/' in product else '/'}[0-9][\w.-]*"
            for product in sorted(known | products)
        )
    )


def _hide_foreign(name: str, value: str) -> str:
    """Return the redacted value of a header without a credential that was never issued: it has no
    slot, and may be a real secret.
    """
    if name not in CREDENTIAL_HEADERS or not value or REDACTED_VALUE.fullmatch(value):
        return value
    scheme = SCHEME.match(value) if name == "authorization" else None
    return f"{scheme.group() if scheme else ''}[redacted:{FOREIGN}]"


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()[:12]
