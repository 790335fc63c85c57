"""One case of the backend: what it knows, and what was asked of it."""

import asyncio
import datetime
import hashlib
import re
import time
from dataclasses import replace
from typing import Any, Final

from probes.emulator.rule import Answer, Ask, refusal
from probes.emulator.rules import ROUTES
from probes.emulator.tokens import TokenStore
from probes.observation import Exchange
from probes.redact import Redactor
from probes.scenario.model import Backend

PRODUCTS: Final = re.compile(r"\b((?:authprobe|claude-cli|claude-code|agent-sdk)/[0-9][\w.-]*)")
SCHEME: Final = re.compile(r"(?:bearer|basic) +", re.IGNORECASE)
KNOWN: Final = re.compile(rf"(?:{SCHEME.pattern})?\[redacted:[\w-]+\]", re.IGNORECASE)
"""A header's value of which nothing is left to hide."""


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

    def __getstate__(self) -> dict[str, Any]:
        """All but the event, which belongs to one process."""
        return {name: value for name, value in self.__dict__.items() if name != "closed"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self.closed = asyncio.Event()

    def become(self, other: "CaseBackend") -> None:
        """Take over what another, which began as a copy of this one, has come to know."""
        self.__dict__ |= other.__getstate__()

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
