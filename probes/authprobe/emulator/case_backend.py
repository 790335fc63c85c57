"""One case of the backend: its state, and a record of the requests it received."""

import datetime
import functools
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from authprobe.core.claude_api import API, BEDROCK, WORKSPACE_HEADER, asks_model
from authprobe.core.client_kinds import BUNDLED_PRODUCTS, CLIENTS
from authprobe.emulator.config import Backend, Fault, Service
from authprobe.emulator.decision import Decision
from authprobe.emulator.exchange_log import ExchangeLog, ExchangeRecord
from authprobe.emulator.faults import FAULTS, STREAM_FAULTS, ArmedFaults, rule_id
from authprobe.emulator.gateway import HOST_NOTHING, Gateway
from authprobe.emulator.rules.authorize import requested_scopes
from authprobe.emulator.rules.base import Answer, RequestContext, Rule
from authprobe.emulator.rules.denial import (
    Denial,
    deny_host,
    deny_refresh_token,
    deny_route,
    deny_rule,
)
from authprobe.emulator.rules.routes import EVERYWHERE, HOSTS, ROUTES, RULES
from authprobe.emulator.rules.token_endpoint import INVALID_GRANT, has_foreign_refresh_token
from authprobe.emulator.state.state import State
from authprobe.emulator.state.tokens import Token, TokenStore
from authprobe.observation.model import PRESENT, Exchange, RewrittenError
from authprobe.redaction.redactor import Redactor

PROXY_REFUSAL_STATUS: Final = 502
MAX_REFUSED_HOSTS: Final = 100
"""Names of hosts that are recorded."""
MAX_SECRETS: Final = 10_000
"""Tokens and codes of a backend, which it and the redaction of the run remember."""
TOKEN_LIMIT: Final = (Fault(name="B07"), Fault(name="B08"))
AUTHORIZATION_LIMIT: Final = (Fault(name="A34"),)
STREAM_SUFFIX: Final = "/invoke-with-response-stream"
"""End of the path of requests to Bedrock that are answered with a stream."""
MAX_METHOD_LENGTH: Final = 20
MAX_HOST_LENGTH: Final = 255
MAX_PATH_LENGTH: Final = 2000
MAX_USER_AGENT_LENGTH: Final = 2000
MAX_MESSAGE_LENGTH: Final = 2000
MAX_WORD_LENGTH: Final = 200
MAX_WORDS: Final = 100
"""Scopes, beta flags and products that are recorded per request."""
SCHEME: Final = re.compile(r"(?:bearer|basic) +", re.IGNORECASE)
REDACTED_VALUE: Final = re.compile(rf"(?:{SCHEME.pattern})?\[redacted:[\w-]+\]", re.IGNORECASE)
"""A header value that is already redacted."""


HIDDEN_HEADERS: Final = frozenset({WORKSPACE_HEADER, "proxy-authorization", "x-amz-security-token"})
"""Further headers that are recorded without their values."""
UNRECORDED_HEADERS: Final = frozenset(
    {
        *("anthropic-version", "authorization", "content-type", "x-api-key", "user-agent"),
        "anthropic-beta",
    }
)
"""Headers that are recorded in a way of their own."""


class SentForm(NamedTuple):
    """The form in which an answer was sent on the wire."""

    content_type: str | None = None
    size_bytes: int | None = None
    complete: bool = True
    clock_offset: float = 0.0
    error_type: str | None = None
    """Type of an error that arrives inside a stream."""


class CaseBackend:
    """The backend of one case: its state, its faults, and a record of its requests."""

    def __init__(
        self,
        setup: Backend | None = None,
        *,
        broken_rules: frozenset[str] = frozenset(),
        products: frozenset[str] = frozenset(),
        log: ExchangeLog | None = None,
    ) -> None:
        self.setup = setup or Backend()
        self.redactor = Redactor()
        self.state = State(self.setup, self.redactor)
        self.faults = ArmedFaults(self.setup.faults)
        self.watch: Callable[[Exchange], None] | None = None
        """Callback for each completed exchange."""
        self.request_count = 0
        """Requests since the start, including those whose records were dropped or discarded."""
        self._broken_rules = broken_rules
        self._custom_headers: frozenset[str] = frozenset()
        self._products = products
        self._start = time.monotonic()
        self._log = log or ExchangeLog()
        self._egress_refused: set[str] = set()

    def merge_from(self, other: "CaseBackend") -> None:
        """Copy the state of a backend that began as a copy of this one."""
        self.__dict__ |= other.__dict__

    @property
    def tokens(self) -> TokenStore:
        """All tokens of this backend."""
        return self.state.tokens

    @property
    def now(self) -> datetime.datetime:
        """The backend's time, in UTC."""
        return self.state.clock.now

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All recorded exchanges, in order of arrival."""
        return self._log.exchanges

    @property
    def unrecorded_count(self) -> int:
        """Number of requests that were dropped from the record, as there were too many."""
        return self._log.dropped

    def emulates(self, host: str) -> bool:
        """Return True if requests to this host are answered."""
        own = self.setup.own_host(host)
        return host in HOSTS or (own is not None and own.serves is not Service.NOTHING)

    def record_headers(self, names: Iterable[str]) -> None:
        """Record these further headers of each request by name."""
        self._custom_headers |= {name.lower() for name in names} - UNRECORDED_HEADERS

    @property
    def egress_refused(self) -> tuple[str, ...]:
        """Names of requested hosts that are not emulated."""
        return tuple(sorted(self._egress_refused))

    def reset(self, setup: Backend) -> None:
        """Reset to `setup`; all tokens, faults and exchanges are discarded."""
        self.setup = setup
        self.redactor = Redactor()
        self.state = State(setup, self.redactor)
        self.faults = ArmedFaults(setup.faults)
        self.forget_exchanges()

    def forget_exchanges(self) -> None:
        """Discard the recorded exchanges."""
        self._log.clear()
        self._egress_refused.clear()

    def record_refused_host(self, host: str) -> None:
        """Record the name of a requested host that was refused, unless the case expects that."""
        if host not in self.setup.hosts and len(self._egress_refused) < MAX_REFUSED_HOSTS:
            self._egress_refused.add(self.redactor.cut(host, MAX_HOST_LENGTH))

    def record_refused_connection(
        self, method: str, host: str, faults: tuple[Fault, ...] = ()
    ) -> None:
        """Record that the proxy refused a host: by a fault, because it serves nothing, or because
        it is not emulated.
        """
        rule = HOST_NOTHING if host in self.setup.hosts and not faults else None
        denial = None if faults or rule else deny_host(host)
        if denial is not None:
            self.record_refused_host(host)
        self._record_connect(method, host, faults, denial, PROXY_REFUSAL_STATUS, rule)

    def record_lost_connection(self, host: str, faults: tuple[Fault, ...]) -> None:
        """Record that a client did not complete the TLS handshake."""
        self._record_connect("CONNECT", host, faults, None, None)

    def _record_connect(
        self,
        method: str,
        host: str,
        faults: tuple[Fault, ...],
        denial: Denial | None,
        status: int | None,
        rule: str | None = None,
    ) -> None:
        exchange = Exchange(
            method=self.redactor.cut(method, MAX_METHOD_LENGTH),
            host=self.redactor.cut(host, MAX_HOST_LENGTH),
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
        self._add(ExchangeRecord(exchange))
        if self.watch is not None:
            self.watch(exchange)

    def _add(self, record: ExchangeRecord) -> None:
        self._log.add(record)
        self.request_count += 1

    def answer(self, request: RequestContext) -> Decision:
        """Return what the host of the request answers: a gateway of one's own, or the service."""
        host = self.setup.own_host(request.host)
        if request.host == API and self.setup.proxy is not None:
            host = self.setup.proxy.as_host
        if host is None or host.serves is Service.NOTHING:
            return self._answer(request)
        return Gateway(host).answer(
            request, self._answer, lambda rule, answer: self._own_decision(request, rule, answer)
        )

    def _own_decision(self, request: RequestContext, rule: str, answer: Answer) -> Decision:
        """Return the decision of a gateway itself, with the faults of the answer."""
        faults = self.faults.for_request(request, lambda fault: fault.name in FAULTS)
        return Decision(rule, answer, faults=faults)

    def _answer(self, request: RequestContext) -> Decision:
        """Return the refusal armed as a fault, else the first rule that applies, else a denial.

        No refresh token that this backend never made gets an answer that is final for it.
        """
        decision = self._decide(request)
        if decision.answer.error_type == INVALID_GRANT and has_foreign_refresh_token(request):
            return _denied(deny_refresh_token(), decision.faults)
        return decision

    def _decide(self, request: RequestContext) -> Decision:
        match = ROUTES.find(request.method, request.host, request.path)
        rules = match.rules if match else None
        if match and match.parameters:
            request = replace(request, path_parameters=match.parameters)
        faults = self.faults.for_request(
            request, lambda fault: self._can_happen(fault, request, rules)
        )
        if not self._is_service(request):
            return _denied(deny_host(request.host), faults)
        for fault in (*faults, *self._limit_faults(request)):
            if (rule := self._armed_rule(fault, rules)) is not None:
                if fault.seconds is not None:
                    request = replace(request, retry_after=int(fault.seconds))
                return Decision(rule.id, rule.reply(request), None, faults, rule.delay)
        if rules is None:
            return _denied(deny_route(request), faults)
        for rule in rules:
            if rule.applies(request) and rule.id not in self._broken_rules:
                return Decision(rule.id, rule.reply(request), None, faults, rule.delay)
        return _denied(deny_rule(request, rules), faults)

    def _is_service(self, request: RequestContext) -> bool:
        """Return True for the emulated hosts, and for Bedrock behind a gateway of the case or at a
        loopback address.
        """
        return request.host in HOSTS or (request.host == BEDROCK and request.requested_host != "")

    def _limit_faults(self, request: RequestContext) -> tuple[Fault, ...]:
        """Return the refusals that end an endless series of logins or refreshes.

        The service limits these as well, at a number that is not known.
        """
        if self.state.secret_count < MAX_SECRETS:
            return ()
        return AUTHORIZATION_LIMIT if request.path.endswith("/authorize") else TOKEN_LIMIT

    def _can_happen(
        self, fault: Fault, request: RequestContext, rules: tuple[Rule, ...] | None
    ) -> bool:
        if fault.name in STREAM_FAULTS:
            return bool(request.fields.get("stream")) or request.path.endswith(STREAM_SUFFIX)
        return fault.name in FAULTS or self._armed_rule(fault, rules) is not None

    def _armed_rule(self, fault: Fault, rules: tuple[Rule, ...] | None) -> Rule | None:
        """Return the rule that a fault names, if it belongs to this route."""
        rule = RULES.get(rule_id(fault))
        if rule is None or rule.id in self._broken_rules:
            return None
        return rule if rule in EVERYWHERE or rule in (rules or ()) else None

    def begin(self, request: RequestContext) -> ExchangeRecord:
        """Record a request; `end` completes the record."""
        header, slot = self._credential(request)
        agent = self.redactor.cut(request.headers.get("user-agent", ""), MAX_USER_AGENT_LENGTH)
        record = ExchangeRecord(
            Exchange(
                method=self.redactor.cut(request.method, MAX_METHOD_LENGTH),
                host=self.redactor.cut(request.requested_host or request.host, MAX_HOST_LENGTH),
                path=self.redactor.cut(request.path, MAX_PATH_LENGTH),
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
        self._add(record)
        return record

    def _cut_words(self, words: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.redactor.cut(word, MAX_WORD_LENGTH) for word in words[:MAX_WORDS])

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
        return answer.message and self.redactor.cut(answer.message, MAX_MESSAGE_LENGTH)

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
                return header, token.slot if token else "foreign"
        for name in self._required_headers(request.host):
            if token := self._token_in(request.headers.get(name, "")):
                return name, token.slot
        return None, None

    def _token_in(self, value: str) -> Token | None:
        """Return the issued token that is the value of a header, with or without a scheme."""
        return self.state.tokens.find(value) or self.state.tokens.find(value.partition(" ")[2])

    def _required_headers(self, host: str) -> tuple[str, ...]:
        """Return the names of the further headers that a gateway of this name requires."""
        own = self.setup.own_host(host)
        names = [requirement.header.lower() for requirement in own.requirements] if own else []
        return tuple(name for name in names if name not in UNRECORDED_HEADERS)

    def _headers(self, request: RequestContext) -> dict[str, str]:
        """Return the headers that concern authentication; the User-Agent only as a hash."""
        headers = {}
        for name in ("anthropic-version", "authorization", "content-type", "x-api-key"):
            if name in request.headers:
                headers[name] = self._hide_foreign(name, self.redactor(request.headers[name]))[:200]
        for name in sorted(self._further_headers(request.host) & request.headers.keys()):
            value = self.redactor(request.headers[name])
            headers[name] = value if REDACTED_VALUE.fullmatch(value) else PRESENT
        if agent := request.headers.get("user-agent"):
            headers["user-agent"] = _digest(agent.encode())
        return headers

    def _further_headers(self, host: str) -> frozenset[str]:
        """Return the names of headers that are recorded beside the usual ones, without values."""
        own = self.setup.own_host(host)
        stripped = {name.lower() for name in own.strips.headers} if own else set()
        names = {
            *HIDDEN_HEADERS,
            *self._custom_headers,
            *self._required_headers(host),
            *stripped,
        }
        return frozenset(names - UNRECORDED_HEADERS)

    @staticmethod
    def _hide_foreign(name: str, value: str) -> str:
        # A value that the backend never issued has no slot, and may be a real secret.
        is_credential = name in ("authorization", "x-api-key") and value != ""
        if not is_credential or REDACTED_VALUE.fullmatch(value):
            return value
        scheme = SCHEME.match(value) if name == "authorization" else None
        return f"{scheme.group() if scheme else ''}[redacted:foreign]"


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


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()[:12]


def _denied(denial: Denial, faults: tuple[Fault, ...]) -> Decision:
    return Decision(denial.id, denial.answer, denial, faults)
