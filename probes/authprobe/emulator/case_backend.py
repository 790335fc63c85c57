"""The backend of one case: by which rules and faults it answers requests."""

import datetime
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from authprobe.core.claude_api import API, BEDROCK
from authprobe.emulator.config import Backend, Fault, Service
from authprobe.emulator.decision import Decision
from authprobe.emulator.exchange_log import ExchangeLog
from authprobe.emulator.exchange_recorder import ExchangeRecorder
from authprobe.emulator.faults import FAULTS, STREAM_FAULTS, ArmedFaults, rule_id
from authprobe.emulator.gateway import Gateway
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
from authprobe.emulator.state.tokens import TokenStore
from authprobe.redaction.redactor import Redactor

MAX_SECRETS: Final = 10_000
"""Tokens and codes of a backend, which it and the redaction of the run remember."""
TOKEN_LIMIT: Final = (Fault(name="B07"), Fault(name="B08"))
AUTHORIZATION_LIMIT: Final = (Fault(name="A34"),)
STREAM_SUFFIX: Final = "/invoke-with-response-stream"
"""End of the path of requests to Bedrock that are answered with a stream."""


class CaseBackend:
    """The backend of one case: it answers requests by its state, its rules and its faults."""

    def __init__(
        self,
        setup: Backend | None = None,
        *,
        broken_rules: frozenset[str] = frozenset(),
        products: frozenset[str] = frozenset(),
        headers: Iterable[str] = (),
        log: ExchangeLog | None = None,
    ) -> None:
        self.state = State(setup or Backend())
        self.faults = ArmedFaults(self.setup.faults)
        self.log = log or ExchangeLog()
        self.recorder = ExchangeRecorder(self.state, self.log, products, headers)
        self._broken_rules = broken_rules

    def merge_from(self, other: "CaseBackend") -> None:
        """Copy the state of a backend that began as a copy of this one."""
        self.__dict__ |= other.__dict__

    def reset(self, setup: Backend) -> None:
        """Reset to `setup`; all tokens, faults and exchanges are discarded."""
        self.state = self.recorder.state = State(setup)
        self.faults = ArmedFaults(setup.faults)
        self.log.clear()

    @property
    def setup(self) -> Backend:
        """The configuration."""
        return self.state.setup

    @property
    def redactor(self) -> Redactor:
        """Redactor of all tokens and codes of this backend."""
        return self.state.redactor

    @property
    def tokens(self) -> TokenStore:
        """All tokens of this backend."""
        return self.state.tokens

    @property
    def now(self) -> datetime.datetime:
        """The backend's time, in UTC."""
        return self.state.clock.now

    def emulates(self, host: str) -> bool:
        """Return True if requests to this host are answered."""
        own = self.setup.own_host(host)
        return host in HOSTS or (own is not None and own.serves is not Service.NOTHING)

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


def _denied(denial: Denial, faults: tuple[Fault, ...]) -> Decision:
    return Decision(denial.id, denial.answer, denial, faults)
