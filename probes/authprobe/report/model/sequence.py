"""The requests of a case as a sequence diagram (pure): participants, steps, what is left out.

Requests that do not matter for authentication are set aside, repeated ones are one step, and a long
case ends after a number of steps.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from authprobe.core.claude_api import API, LOOPBACK, asks_model
from authprobe.core.client_kinds import CLIENTS, ClientKind
from authprobe.observation.model import Exchange, Outcome
from authprobe.report.model.case_facts import deciding_exchange
from authprobe.report.model.relevance import is_login_page, is_token_request, matters
from authprobe.report.model.steps import Participant, Step, fold, group
from authprobe.run.model import CaseRecord
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.clients import Client

MAX_STEPS: Final = 24
"""Steps of one case."""
MAX_PARTICIPANTS: Final = 6
"""Participants of one case: that many fit side by side on a phone."""

LOGIN_PAGE: Final = "login page"
TOKEN_ENDPOINT: Final = "token endpoint"
PROXY: Final = "authprobe's proxy"
"""It refuses connections to hosts that are not emulated."""
OTHER_HOSTS: Final = "other hosts"
_TARGETS: Final = ("API", TOKEN_ENDPOINT, LOGIN_PAGE, PROXY, "host", OTHER_HOSTS)
"""Roles of what receives requests, from left to right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceDiagram:
    """The messages between a client and its servers, in order."""

    participants: tuple[Participant, ...]
    """From left to right; empty if no request matters."""
    steps: tuple[Step, ...]
    omitted: tuple[Step, ...] = ()
    """Steps after the last one that is drawn."""
    background: tuple[Step, ...] = ()
    """Requests that do not matter for authentication: one step for those that do not differ."""
    unrecorded: str | None = None
    """Program before the others, the requests to which are not recorded."""

    @property
    def omitted_requests(self) -> int:
        """Number of requests after the last step."""
        return sum(step.count for step in self.omitted)

    @property
    def background_requests(self) -> int:
        """Number of requests that do not matter for authentication."""
        return sum(step.count for step in self.background)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cast:
    """Programs on the client's side of a case."""

    client: Participant
    gateway: Participant | None = None
    front: Participant | None = None
    """Program that starts the client."""
    browser: Participant | None = None

    def source(self, exchange: Exchange) -> Participant:
        """Return the program that sent a request."""
        if self.gateway and _is_from_gateway(self.gateway.role, exchange):
            return self.gateway
        return self.browser if self.browser and is_login_page(exchange) else self.client

    @property
    def unrecorded(self) -> str | None:
        """Name of the program that receives requests which nothing records."""
        receiver = self.gateway or self.front
        return receiver.role if receiver else None

    @property
    def sides(self) -> tuple[Participant, ...]:
        """The programs, from left to right."""
        programs = (self.front, self.client, self.gateway, self.browser)
        return tuple(program for program in programs if program)


def sequence_of(record: CaseRecord) -> SequenceDiagram:
    """Return the sequence of a case."""
    return make_sequence(
        record.observation.exchanges,
        client=record.client,
        version=record.client_version,
        is_gateway=record.is_gateway,
        sessions=len(record.observation.sessions),
        decides=deciding_step(record),
    )


def deciding_step(record: CaseRecord) -> Exchange | None:
    """Return the request that shows why the outcome is what it is, if there is one.

    A success without a request to a model has none: every request contributed.
    """
    exchange, observation = deciding_exchange(record), record.observation
    if exchange is None:
        return None
    if exchange.method == "CONNECT":
        failed = observation.outcome in (Outcome.UNREACHABLE, Outcome.TIMED_OUT)
        return exchange if failed and matters(exchange) else None
    is_success = observation.outcome is Outcome.ACCEPTED
    if exchange.status != observation.status or (is_success and not asks_model(exchange.path)):
        return None
    return exchange


def make_sequence(
    exchanges: Sequence[Exchange],
    *,
    client: str,
    version: str | None = None,
    is_gateway: bool = False,
    sessions: int = 0,
    decides: Exchange | None = None,
) -> SequenceDiagram:
    """Return the sequence of these requests; `decides` is marked."""
    cast = _cast(client, version, sessions, is_gateway=is_gateway)
    important = [e for e in exchanges if e is decides or matters(e)]
    marked = {id(exchange) for exchange in important}
    background = [e for e in exchanges if id(e) not in marked]
    steps = fold(_steps(important, cast, decides))
    shown = _bounded(tuple(itertools.islice(steps, MAX_STEPS)))
    return SequenceDiagram(
        participants=_participants(shown, cast),
        steps=shown,
        omitted=tuple(steps),
        background=group(_steps(background, cast, None)),
        unrecorded=cast.unrecorded,
    )


def _cast(client: str, version: str | None, sessions: int, *, is_gateway: bool) -> _Cast:
    """Return the programs that the spelling of a client names, known or not."""
    first, _, second = client.partition("+")
    first_version, _, second_version = (version or "").partition("+")
    program = _program(first, first_version)
    kind = program.role
    if is_gateway or _is_known_gateway(kind):
        front = _program(second, second_version.rpartition("@")[2]) if second else _AUTHPROBE
        return _Cast(client=front, gateway=program)
    if second:
        driven = _program(second, second_version.rpartition("@")[2])
        return _Cast(client=driven, front=program)
    if kind == ClientKind.RAW_HTTP:
        return _Cast(client=_AUTHPROBE)
    if sessions:
        program = replace(program, name=f"{program.name}, {sessions} sessions")
    browser = Participant("browser", "authprobe") if kind in _SIGNING_IN else None
    return _Cast(client=program, browser=browser)


def _is_from_gateway(kind: str, exchange: Exchange) -> bool:
    """Return True for a request of a gateway: it has its product, or else the address that only the
    gateway was given."""
    known = KNOWN_CLIENTS.get(kind)
    if known and (products := known.spec.products):
        return any(sent.startswith(f"{own}/") for own in products for sent in exchange.products)
    return exchange.host == LOOPBACK


def _is_known_gateway(kind: str) -> bool:
    """Return True for a gateway that every scenario can name, also in an older results file."""
    known = KNOWN_CLIENTS.get(kind)
    return known is not None and Client(kind=kind, known=known).is_gateway


_AUTHPROBE: Final = Participant("authprobe", "plain HTTP")
_SIGNING_IN: Final = tuple(kind.value for kind, spec in CLIENTS.items() if len(spec.flows) > 1)


def _program(text: str, version: str) -> Participant:
    name, _, asked = text.partition("@")
    return Participant(name, version or asked)


def _steps(exchanges: Iterable[Exchange], cast: _Cast, decides: Exchange | None) -> Iterator[Step]:
    for exchange in exchanges:
        yield Step(
            source=cast.source(exchange),
            target=_target(exchange),
            exchange=exchange,
            last_at=exchange.at,
            bodies=frozenset({exchange.body} if exchange.body else ()),
            betas=(exchange.betas,),
            decides=exchange is decides,
        )


def _target(exchange: Exchange) -> Participant:
    """Return what receives a request."""
    if exchange.method == "CONNECT" and exchange.status is not None:
        return Participant(PROXY, "")
    if is_login_page(exchange):
        return Participant(LOGIN_PAGE, exchange.host)
    if is_token_request(exchange):
        return Participant(TOKEN_ENDPOINT, exchange.host)
    # The emulated API stands for the real one at the address that a client is given, too.
    is_api = exchange.host in (API, LOOPBACK)
    return Participant("API", API) if is_api else Participant("host", exchange.host)


def _bounded(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps with few enough receivers: login pages are one, and so are further hosts."""
    pages = [step.target for step in steps if step.target.role == LOGIN_PAGE]
    steps = [
        replace(step, target=pages[0]) if step.target.role == LOGIN_PAGE else step for step in steps
    ]
    sides = len(dict.fromkeys(step.source for step in steps))
    targets = list(dict.fromkeys(step.target for step in steps))
    room = max(1, MAX_PARTICIPANTS - max(sides, 2))
    if len(targets) <= room:
        return tuple(steps)
    kept = set(targets[: room - 1])
    rest = Participant(OTHER_HOSTS, "")
    return tuple(step if step.target in kept else replace(step, target=rest) for step in steps)


def _participants(steps: Sequence[Step], cast: _Cast) -> tuple[Participant, ...]:
    """Return those that have a part in the steps, from left to right."""
    if not steps:
        return ()
    sources = {step.source for step in steps}
    sides = [p for p in cast.sides if p in sources or p is not cast.browser]
    targets = dict.fromkeys(step.target for step in steps)
    return (*sides, *sorted(targets, key=lambda target: _TARGETS.index(target.role)))
